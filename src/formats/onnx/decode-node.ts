import type { Attribute, FunctionBody, Graph, Node, OpsetImport, TensorRef, ValueInfo } from '../../model/graph.ts'
import { decodeAttribute } from './decode-attribute.ts'
import { decodeTensor } from './decode-tensor.ts'
import { decodeValue } from './decode-value.ts'
import type { Decoder } from './decoder.ts'
import { tooMuch } from './decoder.ts'
import { FieldCursor } from './fields.ts'
import type { WireMessage } from './image.ts'
import { MAX_SUBGRAPHS } from './limits.ts'
import { FUNCTION, GRAPH, NODE, OPSET, SPARSE_TENSOR, TENSOR } from './types.ts'

/** `depth` counts the graphs around this one. */
export function decodeGraph(message: WireMessage, decoder: Decoder, depth: number): Graph {
  decoder.charge(message)
  if (depth > MAX_SUBGRAPHS) throw tooMuch(message, `more than ${MAX_SUBGRAPHS} graphs inside one another`)
  let name = ''
  const nodes: Node[] = []
  const initializers: TensorRef[] = []
  const sparseInitializers: string[] = []
  const inputs: ValueInfo[] = []
  const outputs: ValueInfo[] = []
  const values: ValueInfo[] = []
  for (const field = new FieldCursor(message); field.next(); ) {
    switch (field.key) {
      case GRAPH.node:
        nodes.push(decodeNode(field.message(), decoder, depth))
        break
      case GRAPH.name:
        name = field.text()
        break
      case GRAPH.initializer:
        initializers.push(decodeTensor(field.message(), decoder))
        break
      case GRAPH.input:
        inputs.push(decodeValue(field.message(), decoder))
        break
      case GRAPH.output:
        outputs.push(decodeValue(field.message(), decoder))
        break
      case GRAPH.valueInfo:
        values.push(decodeValue(field.message(), decoder))
        break
      case GRAPH.sparseInitializer:
        decoder.charge(message)
        sparseInitializers.push(sparseName(field.message()))
    }
  }
  return { name, nodes, initializers, sparseInitializers, inputs, outputs, values, carrier: message }
}

export function decodeNode(message: WireMessage, decoder: Decoder, depth: number): Node {
  decoder.charge(message)
  let name = ''
  let op = ''
  let domain = ''
  const inputs: string[] = []
  const outputs: string[] = []
  const attributes: Attribute[] = []
  for (const field = new FieldCursor(message); field.next(); ) {
    switch (field.key) {
      case NODE.input:
        inputs.push(field.text())
        break
      case NODE.output:
        outputs.push(field.text())
        break
      case NODE.name:
        name = field.text()
        break
      case NODE.opType:
        op = field.text()
        break
      case NODE.attribute:
        attributes.push(decodeAttribute(field.message(), decoder, depth))
        break
      case NODE.domain:
        domain = domainOf(field)
    }
  }
  decoder.charge(message, inputs.length + outputs.length)
  return { name, op, domain, inputs, outputs, attributes, carrier: message }
}

export function decodeFunction(message: WireMessage, decoder: Decoder): FunctionBody {
  decoder.charge(message)
  let name = ''
  let domain = ''
  const nodes: Node[] = []
  const inputs: string[] = []
  const outputs: string[] = []
  const opsets: OpsetImport[] = []
  for (const field = new FieldCursor(message); field.next(); ) {
    switch (field.key) {
      case FUNCTION.name:
        name = field.text()
        break
      case FUNCTION.input:
        inputs.push(field.text())
        break
      case FUNCTION.output:
        outputs.push(field.text())
        break
      case FUNCTION.node:
        nodes.push(decodeNode(field.message(), decoder, 0))
        break
      case FUNCTION.opsetImport:
        opsets.push(decodeOpset(field.message(), decoder))
        break
      case FUNCTION.domain:
        domain = domainOf(field)
    }
  }
  decoder.charge(message, inputs.length + outputs.length)
  return { domain, name, nodes, inputs, outputs, opsets, carrier: message }
}

export function decodeOpset(message: WireMessage, decoder: Decoder): OpsetImport {
  decoder.charge(message)
  let domain = ''
  let version = 0
  for (const field = new FieldCursor(message); field.next(); ) {
    if (field.key === OPSET.domain) domain = domainOf(field)
    else if (field.key === OPSET.version) version = field.number()
  }
  return { domain, version, carrier: message }
}

/** A sparse tensor is named by its values. */
export function sparseName(message: WireMessage): string {
  let name = ''
  for (const field = new FieldCursor(message); field.next(); ) {
    if (field.key !== SPARSE_TENSOR.values) continue
    for (const inner = new FieldCursor(field.message()); inner.next(); ) {
      if (inner.key === TENSOR.name) name = inner.text()
    }
  }
  return name
}

function domainOf(field: FieldCursor): string {
  const domain = field.text()
  return domain === 'ai.onnx' ? '' : domain
}
