#!/bin/sh
# Samples three functions and draws where they are simple: bump.svg, front.svg and wave.svg.
draw() {
  printf 'input x in [0, 1]\ninput y in [0, 1]\noutput u = %s\n' "$2" | sobolev program create "$1" -
  job=$(sobolev sample start --dataset "$1" --model "$1" --program "$1" --budget 80 --round 1 \
    --effort 0.1)
  sobolev sample watch "$job"
  sobolev sample report "$job" --svg "$1.svg" --html "$1.html"
}
draw bump 'exp(-60 * ((x - 0.7)^2 + (y - 0.3)^2))'
draw front 'tanh(12 * (x^2 + y^2 - 0.6))'
draw wave 'sin(3 * x) * (1 + y)'
