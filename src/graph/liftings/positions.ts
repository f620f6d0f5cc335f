import type { Lifting } from './site.ts'

/** Operators that answer where or how much: the same for codes as for the floats they stand for. */
export const positions: Lifting = {
  id: 'positions',
  operators: ['ArgMax', 'ArgMin', 'Shape', 'Size'],

  lift(site) {
    const { node } = site
    const twin = site.twin(node.inputs[0] ?? '')
    if (twin === undefined) return null
    site.note(node.outputs[0] ?? '', 'found from floats again')
    return { nodes: [{ ...node, inputs: [site.nameOf(twin), ...node.inputs.slice(1)] }] }
  },
}
