import { TersorError } from '../errors.ts'
import type { Model } from '../model/graph.ts'
import { quoted } from './labels.ts'
import { isStandard, type Scope } from './walk.ts'

/** Newest versions that the operator knowledge in this folder was written for. */
const NEWEST_OPSET = 26
const NEWEST_IR = 13

/** Version of an imported domain; '' also answers for its other spelling 'ai.onnx'. Undefined when not imported. */
export function opsetOf(model: Pick<Model, 'opsets'>, domain = ''): number | undefined {
  const found = model.opsets.find((opset) => sameDomain(opset.domain, domain))
  return found?.version
}

/** Domains are compared with '' and 'ai.onnx' as one. */
export function sameDomain(a: string, b: string): boolean {
  return a === b || (isDefault(a) && isDefault(b))
}

/** Throws E_FORMAT when ai.onnx operators are used without an import; what is only unusual becomes a warning. */
export function checkOpsets(model: Model, scopes: readonly Scope[]): readonly string[] {
  const warnings: string[] = []
  const missing = new Set<string>()
  const functionDomains = new Set(model.functions.map((body) => body.domain))
  for (const scope of scopes) {
    const body = rootOf(scope).body
    const imports = body?.opsets ?? model.opsets
    for (const node of scope.nodes) {
      if (imports.some((opset) => sameDomain(opset.domain, node.domain))) continue
      if (isStandard(node) && body === null) {
        throw new TersorError('E_FORMAT', 'expected an opset import for ai.onnx, found none', {
          where: model.label,
          hint: 'operators have no meaning without a version; export the model again',
        })
      }
      if (!isStandard(node) && !functionDomains.has(node.domain) && body === null) missing.add(node.domain)
    }
  }
  for (const domain of missing) warnings.push(`operators of ${quoted(domain)} are used but the domain is not imported`)
  const opset = opsetOf(model)
  if (opset !== undefined && (opset > NEWEST_OPSET || opset < 1)) {
    warnings.push(`opset ${opset} of ai.onnx is not known (1 to ${NEWEST_OPSET} are)`)
  }
  if (model.irVersion > NEWEST_IR) warnings.push(`IR version ${model.irVersion} is newer than ${NEWEST_IR}`)
  const seen = new Map<string, number>()
  for (const { domain, version } of model.opsets) {
    const key = isDefault(domain) ? '' : domain
    const before = seen.get(key)
    if (before !== undefined && before !== version) {
      warnings.push(`domain ${quoted(key || 'ai.onnx')} is imported at versions ${before} and ${version}`)
    }
    seen.set(key, version)
  }
  return warnings
}

function rootOf(scope: Scope): Scope {
  let at = scope
  while (at.parent !== null) at = at.parent
  return at
}

function isDefault(domain: string): boolean {
  return domain === '' || domain === 'ai.onnx'
}
