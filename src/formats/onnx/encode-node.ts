import { TersorError } from '../../errors.ts'
import type { Attribute, FunctionBody, Graph, Node, OpsetImport } from '../../model/graph.ts'
import { AttributeMessage } from './decode-attribute.ts'
import { sparseName } from './decode-node.ts'
import type { Placement } from './encode-tensor.ts'
import { encodeTensor } from './encode-tensor.ts'
import { encodeValue } from './encode-value.ts'
import { wireOf } from './image.ts'
import {
  domainSlot,
  dropSlot,
  floatSlot,
  floatsSlot,
  intSlot,
  intsSlot,
  messageSlot,
  messagesSlot,
  textSlot,
  textsSlot,
} from './slots.ts'
import type { Slot } from './template.ts'
import { writeMessage } from './template.ts'
import { ATTRIBUTE, ATTRIBUTE_TYPE, FUNCTION, GRAPH, NODE, OPSET } from './types.ts'
import type { WireWriter } from './writer.ts'

export function encodeGraph(writer: WireWriter, graph: Graph, placement: Placement): void {
  const sparse = new Set(graph.sparseInitializers)
  writeMessage(writer, wireOf(graph.carrier), [
    messagesSlot(GRAPH.node, graph.nodes, (_, node) => encodeNode(writer, node, placement)),
    textSlot(GRAPH.name, graph.name),
    messagesSlot(GRAPH.initializer, graph.initializers, (_, tensor) => encodeTensor(writer, tensor, placement)),
    messagesSlot(GRAPH.input, graph.inputs, encodeValue),
    messagesSlot(GRAPH.output, graph.outputs, encodeValue),
    messagesSlot(GRAPH.valueInfo, graph.values, encodeValue),
    { ...dropSlot(GRAPH.sparseInitializer), keeps: (old) => sparse.has(sparseName(old.message())) },
  ])
}

export function encodeNode(writer: WireWriter, node: Node, placement: Placement): void {
  writeMessage(writer, wireOf(node.carrier), [
    textsSlot(NODE.input, node.inputs),
    textsSlot(NODE.output, node.outputs),
    textSlot(NODE.name, node.name),
    textSlot(NODE.opType, node.op),
    messagesSlot(NODE.attribute, node.attributes, (_, attribute) => encodeAttribute(writer, attribute, placement)),
    domainSlot(NODE.domain, node.domain),
  ])
}

export function encodeFunction(writer: WireWriter, body: FunctionBody, placement: Placement): void {
  writeMessage(writer, wireOf(body.carrier), [
    textSlot(FUNCTION.name, body.name),
    textsSlot(FUNCTION.input, body.inputs),
    textsSlot(FUNCTION.output, body.outputs),
    messagesSlot(FUNCTION.node, body.nodes, (_, node) => encodeNode(writer, node, placement)),
    messagesSlot(FUNCTION.opsetImport, body.opsets, encodeOpset),
    textSlot(FUNCTION.domain, body.domain),
  ])
}

export function encodeOpset(writer: WireWriter, opset: OpsetImport): void {
  writeMessage(writer, wireOf(opset.carrier), [
    domainSlot(OPSET.domain, opset.domain),
    intSlot(OPSET.version, opset.version, opset.version === 0),
  ])
}

function encodeAttribute(writer: WireWriter, attribute: Attribute, placement: Placement): void {
  const template = attribute.carrier instanceof AttributeMessage ? attribute.carrier : undefined
  const before = template?.kind
  if (attribute.kind === 'other' && before !== 'other') {
    throw new TersorError('E_INTERNAL', `attribute "${attribute.name}" of kind other has nothing to be written from`)
  }
  // Of an attribute that stays of its kind, fields that do not belong to the kind are kept like unknown ones.
  const isNew = before !== attribute.kind
  const slots: Slot[] = [textSlot(ATTRIBUTE.name, attribute.name), ...valueSlots(attribute, isNew, placement)]
  if (isNew) {
    const written = new Set(slots.map((slot) => slot.key))
    slots.push(...ALL_VALUES.filter((slot) => !written.has(slot.key)))
  }
  writeMessage(writer, template, slots)
}

const ALL_VALUES: readonly Slot[] = [
  dropSlot(ATTRIBUTE.f),
  dropSlot(ATTRIBUTE.i),
  dropSlot(ATTRIBUTE.s),
  dropSlot(ATTRIBUTE.t),
  dropSlot(ATTRIBUTE.g),
  dropSlot(ATTRIBUTE.floats, ATTRIBUTE.floatsPacked),
  dropSlot(ATTRIBUTE.ints, ATTRIBUTE.intsPacked),
  dropSlot(ATTRIBUTE.strings),
  dropSlot(ATTRIBUTE.tensors),
  dropSlot(ATTRIBUTE.graphs),
  dropSlot(ATTRIBUTE.typeProto),
  dropSlot(ATTRIBUTE.typeProtos),
  dropSlot(ATTRIBUTE.refAttrName),
  dropSlot(ATTRIBUTE.sparseTensor),
  dropSlot(ATTRIBUTE.sparseTensors),
]

function valueSlots(attribute: Attribute, isNew: boolean, placement: Placement): Slot[] {
  if (attribute.kind === 'other') return []
  // The referred attribute's type is not known here; a new reference without type is what its function resolves.
  if (attribute.kind === 'ref') return [textSlot(ATTRIBUTE.refAttrName, attribute.value, false)]
  // Old files leave the type out; it is not added to an attribute that kept its kind.
  const type = intSlot(ATTRIBUTE.type, ATTRIBUTE_TYPE[attribute.kind], !isNew)
  return [valueSlot(attribute, isNew, placement), type]
}

function valueSlot(
  attribute: Exclude<Attribute, { kind: 'other' } | { kind: 'ref' }>,
  isNew: boolean,
  placement: Placement,
): Slot {
  switch (attribute.kind) {
    case 'float':
      return floatSlot(ATTRIBUTE.f, attribute.value, !isNew && Object.is(attribute.value, 0))
    case 'int':
      return intSlot(ATTRIBUTE.i, attribute.value, !isNew && Number(attribute.value) === 0)
    case 'string':
      return textSlot(ATTRIBUTE.s, attribute.value, !isNew && attribute.value === '')
    case 'tensor':
      return messageSlot(ATTRIBUTE.t, (writer) => encodeTensor(writer, attribute.value, placement))
    case 'graph':
      return messageSlot(ATTRIBUTE.g, (writer) => encodeGraph(writer, attribute.value, placement))
    case 'floats':
      return floatsSlot(ATTRIBUTE.floats, ATTRIBUTE.floatsPacked, attribute.value)
    case 'ints':
      return intsSlot(ATTRIBUTE.ints, ATTRIBUTE.intsPacked, attribute.value)
    case 'strings':
      return textsSlot(ATTRIBUTE.strings, attribute.value)
    case 'tensors':
      return messagesSlot(ATTRIBUTE.tensors, attribute.value, (writer, tensor) =>
        encodeTensor(writer, tensor, placement),
      )
    case 'graphs':
      return messagesSlot(ATTRIBUTE.graphs, attribute.value, (writer, graph) => encodeGraph(writer, graph, placement))
  }
}
