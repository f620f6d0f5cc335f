import { serve } from './serve.node.ts'

/** Entry of the executor's own thread; see worker.node.ts for the other side. */
serve()
