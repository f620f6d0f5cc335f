/** What the speed bench runs: name, command, what it is compared with, how many rounds. */
import { fileURLToPath } from 'node:url'

const cli = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const library = fileURLToPath(new URL('./library-quantize.mjs', import.meta.url))
const peer = fileURLToPath(new URL('./ort-quantizer.py', import.meta.url))
const node = process.execPath

const tersor = (...args) => [node, [cli, ...args]]
const quantize = (input, output, ...rest) =>
  tersor('quantize', input, '-o', output, '--no-verify', '--force', '-q', ...rest)

/** Groups run interleaved; the first row of a group is what the others are set against. `paths` gives the model of each name. */
export const groupsOf = ({ paths, out, python, rounds }) => {
  const dense = paths['dense-512']
  const external = paths['external-2560']
  const holes = paths['holes-5120']
  const language = paths['decoder-24']
  const result = `${out}/result.onnx`
  const copy = (from) => ['cp', ['--reflink=never', '--sparse=never', from, `${out}/copy`]]
  const peers = python
    ? [
        {
          name: 'onnxruntime MatMulNBitsQuantizer, int4 block 32',
          run: [python, [peer, 'nbits', dense, result]],
          vs: 'int4-weights, nearest',
        },
        {
          name: 'onnxruntime quantize_dynamic',
          run: [python, [peer, 'dynamic', dense, result]],
          vs: 'int8-weights, nearest',
        },
      ]
    : []
  return [
    {
      title: 'start',
      rounds: Math.max(rounds, 9),
      rows: [
        { name: 'node -e 0', run: [node, ['-e', '0']] },
        { name: 'true', run: ['true', []] },
        { name: 'tersor --version', run: tersor('--version') },
        { name: 'tersor --help', run: tersor('--help'), bar: 1.8, stretch: 1.3 },
        {
          name: 'tersor inspect, first line, 2.5 GiB',
          run: tersor('inspect', external),
          firstLine: true,
          bar: 4,
          stretch: 2,
        },
      ],
    },
    {
      title: '512 MiB in one file',
      rounds,
      warm: [dense],
      rows: [
        { name: 'cp', run: copy(dense) },
        { name: 'true', run: ['true', []] },
        { name: 'tersor --version', run: tersor('--version') },
        {
          name: 'int4-weights, nearest',
          run: quantize(dense, result, '--to', 'int4-weights', '--solver', 'nearest'),
          bar: 1.2,
          stretch: 0.8,
          memory: true,
        },
        {
          name: 'int8-weights, nearest',
          run: quantize(dense, result, '--to', 'int8-weights', '--solver', 'nearest'),
          bar: 1.2,
          stretch: 0.8,
          memory: true,
        },
        {
          name: 'int4 blocked DequantizeLinear, nearest',
          run: [
            node,
            [
              library,
              dense,
              result,
              JSON.stringify({
                to: 'int4-block32-sym-f32',
                lowering: 'dequantize',
                solver: 'nearest',
                noVerify: true,
                force: true,
              }),
            ],
          ],
          memory: true,
        },
        {
          name: 'int4-weights, default',
          run: quantize(dense, result, '--to', 'int4-weights'),
          bar: 4,
          stretch: 2.5,
          memory: true,
        },
        {
          name: 'int8-weights, default',
          run: quantize(dense, result, '--to', 'int8-weights'),
          bar: 4,
          stretch: 2.5,
          memory: true,
        },
        {
          name: 'int8 (dynamic), default',
          run: quantize(dense, result, '--to', 'int8'),
          bar: 4,
          stretch: 2.5,
          memory: true,
        },
      ],
    },
    {
      title: "512 MiB, onnxruntime's Python tools",
      rounds: python ? Math.min(rounds, 3) : 0,
      warm: [dense],
      rows: [
        { name: 'cp', run: copy(dense) },
        { name: 'int4-weights, nearest', run: quantize(dense, result, '--to', 'int4-weights', '--solver', 'nearest') },
        { name: 'int8-weights, nearest', run: quantize(dense, result, '--to', 'int8-weights', '--solver', 'nearest') },
        ...peers,
      ],
    },
    {
      title: '2.5 GiB with external data',
      rounds: Math.min(rounds, 3),
      warm: [external, `${external}.data`],
      rows: [
        { name: 'cp', run: copy(`${external}.data`) },
        {
          name: 'int4-weights, nearest',
          run: quantize(external, result, '--to', 'int4-weights', '--solver', 'nearest'),
          memory: true,
        },
        {
          name: 'int8-weights, nearest',
          run: quantize(external, result, '--to', 'int8-weights', '--solver', 'nearest'),
          memory: true,
        },
        { name: 'int4-weights, default', run: quantize(external, result, '--to', 'int4-weights'), memory: true },
        { name: 'int8-weights, default', run: quantize(external, result, '--to', 'int8-weights'), memory: true },
      ],
    },
    {
      title: '5 GiB with holes',
      rounds: 1,
      rows: [
        { name: 'cp', run: copy(`${holes}.data`) },
        {
          name: 'int4-weights, nearest',
          run: quantize(holes, result, '--to', 'int4-weights', '--solver', 'nearest'),
          memory: true,
        },
        { name: 'int8-weights, default', run: quantize(holes, result, '--to', 'int8-weights'), memory: true },
      ],
    },
    {
      title: 'language model of 24 layers, 4.2 GB with holes',
      rounds: 1,
      rows: [
        { name: 'cp', run: copy(`${language}.data`) },
        {
          name: 'int4-weights, nearest',
          run: quantize(language, result, '--to', 'int4-weights', '--solver', 'nearest'),
          memory: true,
        },
      ],
    },
  ]
}
