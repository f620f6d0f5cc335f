import { describe, expect, it } from 'vitest'
import { asRead, buildModel, f32, graph, node, produced, tensor } from '../../../test/fixtures/build.ts'
import { memorySink, memorySource } from '../../bytes/memory.ts'
import type { ByteSource } from '../../bytes/types.ts'
import type { Model, TensorRef } from '../../model/graph.ts'
import type { LayoutOptions } from './layout.ts'
import { layout } from './layout.ts'
import { read } from './read.ts'
import { readTensor, readTensorRange } from './read-tensor.ts'
import type { WriteOptions } from './write.ts'
import { writeFile } from './write.ts'

const filled = (name: string, byteLength: number, fill: number): TensorRef =>
  tensor(name, 'u8', [byteLength], new Uint8Array(byteLength).fill(fill))

async function write(
  model: Model,
  options: LayoutOptions,
  writing: WriteOptions = {},
): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>()
  for (const file of layout(model, options).files) {
    const sink = memorySink(file.name, file.byteLength)
    await writeFile(file, sink, writing)
    await sink.commit()
    expect(sink.bytes().byteLength).toBe(file.byteLength)
    expect(file.segments.reduce((sum, segment) => sum + segment.byteLength, 0)).toBe(file.byteLength)
    files.set(file.name, sink.bytes())
  }
  return files
}

async function open(files: ReadonlyMap<string, Uint8Array>, name: string): Promise<Model> {
  const openExternal = async (location: string): Promise<ByteSource> =>
    memorySource(files.get(location) ?? new Uint8Array(0), location)
  return read(memorySource(files.get(name) ?? new Uint8Array(0), name), { openExternal })
}

const tensors = [filled('a', 5000, 1), filled('small', 1023, 2), filled('b', 1024, 3), filled('c', 9000, 4)]

describe('layout', () => {
  it('keeps everything in the model file while it is small', async () => {
    const files = await write(buildModel({ initializers: tensors }), { name: 'm.onnx' })
    expect([...files.keys()]).toEqual(['m.onnx'])
  })

  it('moves tensors of 1 KiB and more out, aligned, and reads them back', async () => {
    const files = await write(buildModel({ initializers: tensors }), { name: 'm.onnx', external: 'always' })
    expect([...files.keys()]).toEqual(['m.onnx', 'm.onnx.data'])
    const model = await open(files, 'm.onnx')
    expect(model.externalFiles).toEqual(['m.onnx.data'])
    expect(model.byteLength).toBe((files.get('m.onnx')?.length ?? 0) + (files.get('m.onnx.data')?.length ?? 0))
    const places = model.graph.initializers.map(({ storage }) =>
      storage.kind === 'span' ? storage.start : storage.kind,
    )
    expect(places).toEqual([0, 'bytes', 8192, 12288])
    for (const [index, original] of tensors.entries()) {
      expect(await readTensor(model.graph.initializers[index] as TensorRef)).toEqual(await readTensor(original))
    }
  })

  it('brings external tensors back in, and lays them out again', async () => {
    const built = buildModel({ initializers: tensors })
    const outside = await write(built, { name: 'm.onnx', external: 'always', alignment: 64 })
    const inside = await write(await open(outside, 'm.onnx'), { name: 'm.onnx' })
    expect(inside.get('m.onnx')).toEqual((await write(built, { name: 'm.onnx' })).get('m.onnx'))
    const again = await write(await open(outside, 'm.onnx'), { name: 'm.onnx', external: 'always', alignment: 64 })
    expect(again).toEqual(outside)
  })

  it('data files have the names that transformers.js looks for, on request', async () => {
    const options = {
      name: 'm.onnx',
      external: 'always',
      shardBytes: 6100,
      alignment: 16,
      dataSuffix: '_data',
    } as const
    const files = await write(buildModel({ initializers: tensors }), options)
    expect([...files.keys()]).toEqual(['m.onnx', 'm.onnx_data', 'm.onnx_data_1'])
    expect((await open(files, 'm.onnx')).graph.initializers).toHaveLength(tensors.length)
  })

  it('splits data files by size; a tensor larger than that has its own', async () => {
    const files = await write(buildModel({ initializers: tensors }), {
      name: 'm.onnx',
      external: 'always',
      shardBytes: 6100,
      alignment: 16,
    })
    expect([...files].slice(1).map(([name, bytes]) => [name, bytes.length])).toEqual([
      ['m.onnx.data', 5008 + 1024],
      ['m.onnx.data_1', 9000],
    ])
    const model = await open(files, 'm.onnx')
    expect(await readTensorRange(model.graph.initializers[3] as TensorRef, 8998, 9000)).toEqual(Uint8Array.of(4, 4))
  })

  it('goes outside by itself where the file would reach 1.9 GB', () => {
    const model = buildModel({ initializers: [produced('w', 'f32', [1024, 1024, 453]), produced('b', 'f32', [4])] })
    const { files } = layout(model, { name: 'm.onnx' })
    expect(files.map((file) => file.name)).toEqual(['m.onnx', 'm.onnx.data'])
    expect(files[1]?.segments).toEqual([{ kind: 'produced', tensor: 'w', byteLength: 1024 * 1024 * 453 * 4 }])
    expect(files[0]?.segments.some((segment) => segment.kind === 'produced' && segment.tensor === 'b')).toBe(true)
    expect(
      layout(buildModel({ initializers: [produced('w', 'f32', [1024, 1024, 452])] }), { name: 'm.onnx' }).files,
    ).toHaveLength(1)
  })

  it('refuses a model file beyond 2 GiB', () => {
    const model = buildModel({ initializers: [produced('w', 'f32', [1024, 1024, 512])] })
    expect(() => layout(model, { name: 'm.onnx', external: 'never' })).toThrow(/protobuf ends at 2147483647/)
  })

  it('moves tensors of subgraphs too', async () => {
    const body = graph({ initializers: [filled('inner', 2000, 5)], nodes: [node('Identity', ['inner'], ['y'])] })
    const files = await write(buildModel({ nodes: [node('If', ['c'], ['y'], { then_branch: body })] }), {
      name: 'm',
      external: 'always',
    })
    expect(files.get('m.data')?.length).toBe(2000)
  })

  it('puts produced elements at the places it announced', async () => {
    const model = buildModel({ initializers: [f32('x', [1], [1]), produced('w', 'u8', [3000]), f32('y', [1], [2])] })
    async function* produce(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(1000).fill(1)
      yield new Uint8Array(2000).fill(2)
    }
    for (const external of ['never', 'always'] as const) {
      const again = await open(await write(model, { name: 'm', external }, { produce }), 'm')
      expect((await readTensor(again.graph.initializers[1] as TensorRef))[1000]).toBe(2)
    }
  })

  it('notices a producer that keeps another length', async () => {
    const model = buildModel({ initializers: [produced('w', 'u8', [10])] })
    async function* produce(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(9)
    }
    await expect(write(model, { name: 'm' }, { produce })).rejects.toMatchObject({ code: 'E_INTERNAL' })
  })

  it('stops when asked to', async () => {
    const aborted = AbortSignal.abort()
    await expect(write(buildModel({}), { name: 'm' }, { signal: aborted })).rejects.toMatchObject({ code: 'E_ABORTED' })
    await expect(read(memorySource(new Uint8Array(10)), { signal: aborted })).rejects.toMatchObject({
      code: 'E_ABORTED',
    })
  })

  it('leaves an unchanged model unchanged', async () => {
    const model = await asRead(buildModel({ initializers: tensors }))
    expect(layout(model, { name: 'm' })).toMatchObject({ files: [{ byteLength: model.byteLength }] })
  })
})
