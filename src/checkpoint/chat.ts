import { Template } from '@huggingface/jinja'
import { PacelineError } from '../errors.ts'

/** One turn of a conversation. Templates may read further fields. */
export interface ChatMessage {
  readonly role: string
  readonly content: string
  readonly [field: string]: unknown
}

/** A chat template as its file holds it: Jinja text, or a list of `{ name, template }`. */
export interface StoredTemplate {
  readonly file: string
  readonly value: unknown
}

export type RenderChat = (messages: readonly ChatMessage[], variables: Readonly<Record<string, unknown>>) => string

/**
 * Prepares a chat template. The template is looked at only when it is used first, so that a broken one does not keep a
 * model from plain text. The function throws code `unsupported` when there is no template, `format` when it is not
 * readable, `argument` when it refuses the messages.
 */
export function chatRenderer(stored: StoredTemplate | null): RenderChat {
  let template: Template | undefined
  return (messages, variables) => {
    if (stored === null)
      throw new PacelineError(
        'unsupported',
        'This model has no chat template (chat_template in tokenizer_config.json). ' +
          'Give it plain text, or use a model tuned for chat.',
      )
    template ??= compile(stored)
    try {
      return template.render({ ...variables, messages })
    } catch (cause) {
      throw new PacelineError('argument', `${stored.file}: the chat template refuses these messages: ${text(cause)}`, {
        cause,
      })
    }
  }
}

function compile(stored: StoredTemplate): Template {
  const source = select(stored)
  try {
    return new Template(source)
  } catch (cause) {
    throw new PacelineError('format', `${stored.file}: the chat template is not valid Jinja: ${text(cause)}`, { cause })
  }
}

/** Of several templates (tool use, retrieval ...) plain conversation takes the one named "default". */
function select({ file, value }: StoredTemplate): string {
  const entry: unknown = Array.isArray(value) ? value.find((item) => item?.name === 'default')?.template : value
  if (typeof entry !== 'string')
    throw new PacelineError(
      'format',
      `${file}: chat_template is neither a string nor a list with an entry { "name": "default", "template": string }.`,
    )
  return entry
}

function text(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
