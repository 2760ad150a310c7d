# SPDX-License-Identifier: Apache-2.0
"""A table of figures: a line each as soon as it is measured, and JSON at the end."""
import json


class Figures:
    def __init__(self, path):
        self.path, self.rows = path, []
        print(f"{'figure':<34} {'value':>9} {'goal':>10} {'ok':>4}  detail")

    def add(self, name, value, goal, good, detail):
        self.rows.append({"figure": name, "value": value, "goal": goal, "reached": good, "detail": detail})
        print(f"{name:<34} {value:>9} {goal:>10} {'yes' if good else 'NO':>4}  {detail}", flush=True)

    def write(self):
        self.path.write_text(json.dumps(self.rows, indent=1) + "\n", encoding="ascii")
