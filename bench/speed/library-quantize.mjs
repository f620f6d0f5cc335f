/** One quantization through the library, for options that have no flag: library-quantize.mjs IN OUT OPTIONS_JSON */
import { quantize } from '../../dist/node.js'

const [input, output, options] = process.argv.slice(2)
const report = await quantize(input, output, JSON.parse(options))
process.stdout.write(`${JSON.stringify(report.output)}\n`)
