export { blockSizes } from './blockwise.ts'
export {
  type CollectedTrajectories,
  type CollectTrajectoriesOptions,
  collectTrajectories,
} from './collect-trajectories.ts'
export type { Convergence, TrajectoryTally } from './convergence.ts'
export { type ConsistencyModelOptions, consistencyDefaults, trainConsistency } from './train-cllm.ts'
export type { Trajectory, TrajectoryAnswer } from './trajectory.ts'
