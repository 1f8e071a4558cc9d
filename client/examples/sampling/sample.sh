#!/bin/sh
job=$(sobolev sample start --dataset wing --inputs 'span=1:2,chord=0:1' --outputs lift \
  --model wing --error 0.001 --budget 60)
sobolev worker "$job" --exec ./simulate.sh --parallel 4 --timeout 60
sobolev sample watch "$job"
sobolev sample report "$job" --svg wing.svg
sobolev predict wing --point 1.5,0.5 --jacobian
