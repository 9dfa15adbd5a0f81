import { PacelineError } from '../errors.ts'
import { exportBita } from './bita/index.ts'
import { exportEagle } from './eagle/index.ts'
import { exportMedusa } from './medusa/index.ts'
import { type Exported, type ExportModelOptions, exportLanguageModel, readRecord, runFolder } from './runs/index.ts'

/** How what a method has trained becomes a folder: one line per method. */
const exporters: Readonly<Record<string, typeof exportLanguageModel>> = {
  lm: exportLanguageModel,
  cllm: exportLanguageModel,
  eagle: exportEagle,
  eagle3: exportEagle,
  medusa: exportMedusa,
  bita: exportBita,
}

/**
 * Writes what the run in the folder `run` has trained, whatever it is. Throws code `unsupported` for a method that this
 * version does not know, and as the method's own export does.
 */
export async function exportTrained(run: string, out: string, options: ExportModelOptions): Promise<Exported> {
  const { method } = await readRecord(runFolder(run))
  if (!Object.hasOwn(exporters, method))
    throw new PacelineError(
      'unsupported',
      `${run}: the run is of the method "${method}", expected one of ${Object.keys(exporters).join(', ')}.`,
    )
  return exporters[method](run, out, options)
}
