/** Beginnings and parts of what reports say to inform; everything else that they say is a warning. */
const INFORMING: readonly RegExp[] = [
  /^before ranges were looked at: /,
  /^\d+\.\d % of the multiply-adds /,
  /^nodes that stay float: /,
  /^judged along the sequence, /,
  /^judged step by step, and along the made-up samples /,
  /^judged on the states of the data, and with each model's own states /,
  /^judged on \d+ of the \d+ samples of --calib, which were held back from it$/,
  /^calibrated on texts that the model wrote itself: /,
  /^judged on \d+ other texts that the model wrote itself$/,
  /^states go from sample to sample: /,
  /^opset raised to \d+ for /,
  /^\d+ constants beyond f16 were made safe: /,
  /^of \d+ values seen on .*, \d+ leave the range of f16 /,
  /^opset raised from \d+ to \d+: older operators /,
  /^equalize: \d+ changes that keep the function /,
  /^tables of integers take \d+ bytes less/,
  /^\d+ weights take fewer than 8 bits in the file/,
  /^\d+ x LSTM with ranges of run time$/,
  /^texts are (cut|joined) to /,
  /^--(tokenizer|preprocess) .* found beside the model$/,
  /: \d+ of \d+ pairs \(.*\), \d+ different texts$/,
  /^float outputs were (read from|saved to) /,
  /^\d+ x 16-bit activations for a product: /,
  /^(learning|the model is too large to be learned) .*; codes stay as they were found$/,
  /^learning: no derivative of .* is known; codes stay as they were found$/,
]

/** Whether a remark only tells what was done: nobody has to do anything about it. */
export function isInforming(text: string): boolean {
  return INFORMING.some((pattern) => pattern.test(text))
}
