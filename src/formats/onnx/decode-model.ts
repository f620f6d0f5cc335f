import type { ByteSource } from '../../bytes/types.ts'
import type { FunctionBody, Graph, Model, OpsetImport } from '../../model/graph.ts'
import { decodeEntry } from './decode-entry.ts'
import { decodeFunction, decodeGraph, decodeOpset } from './decode-node.ts'
import type { Decoder } from './decoder.ts'
import { wrong } from './decoder.ts'
import { FieldCursor } from './fields.ts'
import type { WireMessage } from './image.ts'
import { MODEL } from './types.ts'

export function decodeModel(message: WireMessage, decoder: Decoder): Model {
  const { source } = message.image
  let irVersion = 0
  let producer = ''
  let graph: Graph | undefined
  const opsets: OpsetImport[] = []
  const functions: FunctionBody[] = []
  const metadata = new Map<string, string>()
  for (const field = new FieldCursor(message); field.next(); ) {
    switch (field.key) {
      case MODEL.irVersion:
        irVersion = field.number()
        break
      case MODEL.producerName:
        producer = field.text()
        break
      case MODEL.graph:
        if (graph !== undefined) throw field.broken('the model has two graphs')
        graph = decodeGraph(field.message(), decoder, 0)
        break
      case MODEL.opsetImport:
        opsets.push(decodeOpset(field.message(), decoder))
        break
      case MODEL.metadataProps: {
        decoder.charge(message)
        const [key, value] = decodeEntry(field.message())
        metadata.set(key, value)
        break
      }
      case MODEL.functions:
        functions.push(decodeFunction(field.message(), decoder))
    }
  }
  const hint = 'Is it an ONNX model, and was it downloaded completely?'
  if (graph === undefined) throw wrong(message, 'expected a model with a graph, found none', hint)
  if (!(irVersion >= 1)) throw wrong(message, `expected an ir_version of 1 or more, found ${irVersion}`, hint)
  if (opsets.length === 0 && irVersion >= 3) throw wrong(message, 'expected opset imports, found none', hint)
  const files = [...decoder.externals.values()]
  return {
    format: 'onnx',
    label: source.label,
    irVersion,
    opsets,
    producer,
    metadata,
    graph,
    functions,
    byteLength: source.byteLength + sum(files),
    externalFiles: files.map((file) => file.label),
    carrier: message,
  }
}

function sum(files: readonly ByteSource[]): number {
  return files.reduce((total, file) => total + file.byteLength, 0)
}
