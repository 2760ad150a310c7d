// SPDX-License-Identifier: Apache-2.0
// Where a JPEG begins and ends (ITU-T T.81, annex B), by its markers alone: nothing is decoded. Cameras put more behind the end: their maker's mark, raw
// data, a second picture, a movie, padding. That is sealed with the picture and is no fault; a picture that was cut short has no end at all.
#pragma once

#include <string>

#include "src/base/bytes.h"

namespace shutterseal::uploader {

[[nodiscard]] bool is_jpeg_start(ByteView head);  // FF D8 FF
[[nodiscard]] bool is_jpeg_end(ByteView tail);    // FF D9, with nothing but zeros behind
// The picture is there to its end. A file that ends as a JPEG is taken for whole whatever lies between: what a camera made is not for us to judge. Only if
// the segment that holds a thumbnail goes on behind the end of the file, the end that was seen is the thumbnail's. A file that ends otherwise is walked
// marker by marker: a pass over its octets for 0xff, so cheap, but not for nothing.
[[nodiscard]] bool is_whole_jpeg(ByteView content);
[[nodiscard]] std::string fault_of_jpeg(ByteView content);  // empty, or why it is no whole picture, for people
inline constexpr const char* kCutShort = "a JPEG without its end";

}  // namespace shutterseal::uploader
