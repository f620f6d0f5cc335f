#!/bin/sh
# The command line on the bundled digit classifier: sh examples/command-line.sh
set -e
tersor="node dist/cli/main.js"

# What is in the model, and what each preset would do. Neither runs nor writes anything.
$tersor inspect demo/model.onnx
$tersor plan demo/model.onnx --to int4-weights

# Smaller, judged on real pictures, with a report to look at; the first convolution stays float.
$tersor quantize demo/model.onnx -o digits.int8.onnx --to int8 --rule 'conv1.weight=keep' \
  --eval demo/test-images.npz --labels demo/labels.csv --report digits.html --force

# The same inputs through both files; exit code 5 when they agree on fewer than 98 % of the answers.
$tersor compare demo/model.onnx digits.int8.onnx --eval demo/test-images.npz --min-agreement 98%
