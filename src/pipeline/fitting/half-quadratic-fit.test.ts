import { expect, test } from 'vitest'
import { encodeModel } from '../../../test/fixtures/build.ts'
import { lineModels } from '../../../test/fixtures/line-models.ts'
import { memorySource } from '../../bytes/memory.ts'
import { createKernelsSync } from '../../kernels/index.ts'
import type { Tools } from '../../model/tools.ts'
import { askOf } from '../ask-of.ts'
import { Phases } from '../phases.ts'
import { decide, prepare } from '../run.ts'
import { halfQuadraticFit } from './half-quadratic-fit.ts'

const tools: Tools = { kernels: createKernelsSync(), notify: () => undefined }

for (const to of ['int4-weights', 'int2-weights', 'int4-block32-asym-f16', 'int8-weights'])
  test(`every decision says how its codes were found: ${to}`, async () => {
    let found = 0
    for (const [name, make] of lineModels) {
      const phases = new Phases(tools.notify)
      const ask = askOf({ to, solver: 'hqq', everything: true })
      const source = memorySource(await encodeModel(make().model))
      const { plan } = await decide(
        await prepare({ source }, tools, phases),
        ask,
        tools,
        phases,
        halfQuadraticFit(tools),
      )
      for (const decision of plan.decisions) {
        if (decision.action !== 'quantize') continue
        if (decision.solver === ('hqq' as string)) found++
        else expect(decision.because.text, name).toContain('solved without data: ')
      }
    }
    if (to === 'int8-weights') expect(found).toBe(0)
    else expect(found).toBeGreaterThan(2)
  })
