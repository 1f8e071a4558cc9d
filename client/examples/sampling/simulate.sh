#!/bin/sh
# lift = span * sin(chord) and its gradient; no value where the wing stalls. Reads the point that
# sobolev worker writes, {"point": 7, ..., "x": [1.5, 0.5], ...}, and prints {"y": ..., "jacobian": ...}.
sed 's/.*"x":\[\([^]]*\)\].*/\1/' | awk -F, '{
  span = $1; chord = $2
  if (span + chord > 2.9) { print "{\"infeasible\": true, \"reason\": \"stall\"}"; exit }
  printf "{\"y\": [%.17g], ", span * sin(chord)
  printf "\"jacobian\": [[%.17g, %.17g]]}\n", sin(chord), span * cos(chord)
}'
