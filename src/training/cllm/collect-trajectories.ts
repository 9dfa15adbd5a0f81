import { generate, type LoadedModel } from '../../engine/index.ts'
import {
  type Ask,
  type AskedWith,
  type AskOptions,
  asPrompt,
  type CollectWhat,
  collectRows,
  orNoRoom,
  type TargetIdentity,
} from '../collect/index.ts'
import { blockwise } from './blockwise.ts'
import { TrajectoryTally } from './convergence.ts'
import { repeatsItself } from './repetition.ts'
import { parseTrajectories, type TrajectoryAnswer } from './trajectory.ts'

export interface CollectTrajectoriesOptions extends CollectWhat {
  readonly model: LoadedModel
  /** Of the folder that the model was loaded from. */
  readonly target: TargetIdentity
  /** Tokens of a block: as many as `jacobi` will have rows of a pass. */
  readonly block: number
  readonly request: AskedWith
}

export interface CollectedTrajectories {
  /** Of all answers in the file. */
  readonly tally: TrajectoryTally
  readonly bytes: number
  /** False where the signal came before the last prompt. */
  readonly complete: boolean
}

/**
 * Asks a target the prompts of a pool and writes to a file how Jacobi decoding comes to its answers, as `collectRows` does.
 * A drawn answer is a fixed point as the greedy one is: every pass draws a position by the same noise. Answers that repeat
 * themselves are left out. The file follows from target, pool, count, mix, seed, block and request alone. Throws as
 * `collectRows` does, and code `argument` for a block that cannot be.
 */
export async function collectTrajectories(options: CollectTrajectoriesOptions): Promise<CollectedTrajectories> {
  const { model, target, block, request, ...what } = options
  const tally = new TrajectoryTally()
  const { dtype, executor } = model.model
  const collected = await collectRows({
    ...what,
    identity: { target, dtype, executor, trajectories: block, ...request },
    ask: askBlockwise(model, { chat: target.chatFormat !== null, seed: what.seed, block, request }),
    parse: parseTrajectories,
    tally,
  })
  return { ...collected, tally }
}

function askBlockwise(
  model: LoadedModel,
  {
    chat,
    seed,
    block,
    request,
  }: Pick<AskOptions, 'chat' | 'seed'> & Pick<CollectTrajectoriesOptions, 'block' | 'request'>,
): Ask<TrajectoryAnswer> {
  const drafter = blockwise(block)
  return ({ task, text: prompt, index }, signal) =>
    orNoRoom(async () => {
      const drawn = { ...request, seed: seed + index }
      const steps = generate(model, drafter, asPrompt(prompt, chat), drawn, signal ?? { aborted: false })
      let step = await steps.next()
      while (!step.done) step = await steps.next()
      const { text: response, ids, promptIds, finishReason: finish } = step.value
      if (finish === 'abort') return 'stopped'
      if (repeatsItself(ids)) return 'repeats'
      const blocks = drafter.trajectories(ids)
      return { task, prompt, response, finish, tokens: ids.length, block, promptIds, blocks }
    })
}
