#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# How demo/clip.mp4 was made (needs ffmpeg): a dark yard with grain, through which a bright figure walks twice.
set -eu
ffmpeg -v error -y -f lavfi -i "color=c=0x202428:s=640x480:r=10:d=12,noise=alls=6:allf=t" \
  -f lavfi -i "color=c=0xe8e0c8:s=60x140:r=10:d=12" \
  -filter_complex "[0][1]overlay=x='if(lt(t,2),-100,if(lt(t,6),(t-2)*170-80,if(lt(t,7),-100,700-(t-7)*170)))':y='240+10*sin(t*6)',drawbox=x=40:y=330:w=180:h=90:color=0x304050:t=fill,format=yuv420p" \
  -c:v libx264 -preset veryslow -crf 34 -movflags +faststart "$(dirname "$0")/clip.mp4"
