import { ProtobufWriter } from '../../protobuf/index.ts'

/** ONNX tensor element types (onnx.proto, TensorProto.DataType). */
export const onnxType = { f32: 1, u8: 2, i8: 3, i32: 6, i64: 7 } as const
export type OnnxType = keyof typeof onnxType

/** An attribute: an integer, a list of integers, or (wrapped, since 1.0 is an integer to JavaScript) a float, or a text. */
export type OnnxAttribute = number | readonly number[] | { readonly float: number } | { readonly text: string }

export type OnnxDim = number | string

interface OnnxNode {
  readonly type: string
  readonly domain: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: Readonly<Record<string, OnnxAttribute>>
}

interface OnnxValue {
  readonly name: string
  readonly type: OnnxType
  readonly dims: readonly OnnxDim[]
}

interface OnnxInitializer extends OnnxValue {
  readonly dims: readonly number[]
  readonly data: Uint8Array
}

/** Data that stays outside the model's own bytes, which may not exceed 2 GB. */
export interface ExternalData {
  readonly path: string
  readonly data: Uint8Array
}

const microsoft = 'com.microsoft'
const inlineBytes = 1024

/** Collects the parts of an ONNX model and writes its bytes. Names are made up here; `node` returns those of its outputs. */
export class OnnxModel {
  readonly #nodes: OnnxNode[] = []
  readonly #initializers: OnnxInitializer[] = []
  readonly #inputs: OnnxValue[] = []
  readonly #outputs: OnnxValue[] = []
  readonly #constants = new Map<string, string>()
  #names = 0

  /** A node of the standard operator set, or of the contributed one when `type` starts with `ms:`. */
  node(
    type: string,
    inputs: readonly string[],
    attributes: OnnxNode['attributes'] = {},
    outputs: readonly string[] = [this.#name(type)],
  ): string {
    const contributed = type.startsWith('ms:')
    this.#nodes.push({
      type: contributed ? type.slice(3) : type,
      domain: contributed ? microsoft : '',
      inputs,
      outputs,
      attributes,
    })
    return outputs[0]
  }

  /** As `node`, for `count` outputs. */
  nodes(type: string, inputs: readonly string[], attributes: OnnxNode['attributes'], count: number): string[] {
    const outputs = Array.from({ length: count }, () => this.#name(type))
    this.node(type, inputs, attributes, outputs)
    return outputs
  }

  initializer(type: OnnxType, dims: readonly number[], data: ArrayBufferView): string {
    const name = this.#name('w')
    this.#initializers.push({ name, type, dims, data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) })
    return name
  }

  /** A list of integers that an operator takes as an input, written once however often it is asked for. */
  integers(...values: number[]): string {
    return this.#constant(`i64:${values}`, () =>
      this.initializer('i64', [values.length], BigInt64Array.from(values, BigInt)),
    )
  }

  scalar(type: 'f32' | 'u8', value: number): string {
    const data = type === 'f32' ? Float32Array.of(value) : Uint8Array.of(value)
    return this.#constant(`${type}:${value}`, () => this.initializer(type, [], data))
  }

  input(name: string, type: OnnxType, dims: readonly OnnxDim[]): string {
    this.#inputs.push({ name, type, dims })
    return name
  }

  /** Declares an existing value as an output. */
  output(name: string, type: OnnxType, dims: readonly OnnxDim[]): void {
    this.#outputs.push({ name, type, dims })
  }

  finish(): { model: Uint8Array; externalData: ExternalData[] } {
    const externalData: ExternalData[] = []
    const model = new ProtobufWriter()
    model.int(1, 10) // ir_version
    model.string(2, 'paceline')
    for (const [domain, version] of [
      ['', 21],
      [microsoft, 1],
    ] as const)
      model.message(8, (opset) => {
        opset.string(1, domain)
        opset.int(2, version)
      })
    model.message(7, (graph) => {
      for (const node of this.#nodes) graph.message(1, (message) => writeNode(message, node))
      graph.string(2, 'graph')
      for (const initializer of this.#initializers) {
        const external = initializer.data.length > inlineBytes ? `${initializer.name}.bin` : undefined
        if (external) externalData.push({ path: external, data: initializer.data })
        graph.message(5, (message) => writeInitializer(message, initializer, external))
      }
      for (const value of this.#inputs) graph.message(11, (message) => writeValue(message, value))
      for (const value of this.#outputs) graph.message(12, (message) => writeValue(message, value))
    })
    return { model: model.finish(), externalData }
  }

  #name(prefix: string): string {
    return `${prefix}_${this.#names++}`
  }

  #constant(key: string, make: () => string): string {
    const known = this.#constants.get(key) ?? make()
    this.#constants.set(key, known)
    return known
  }
}

function writeNode(message: ProtobufWriter, { type, domain, inputs, outputs, attributes }: OnnxNode): void {
  for (const name of inputs) message.string(1, name)
  for (const name of outputs) message.string(2, name)
  message.string(4, type)
  for (const [name, value] of Object.entries(attributes))
    message.message(5, (attribute) => {
      attribute.string(1, name)
      if (typeof value === 'number') {
        attribute.int(3, value)
        attribute.int(20, 2) // INT
      } else if ('float' in value) {
        attribute.float(2, value.float)
        attribute.int(20, 1) // FLOAT
      } else if ('text' in value) {
        attribute.string(4, value.text)
        attribute.int(20, 3) // STRING
      } else {
        for (const item of value) attribute.int(8, item)
        attribute.int(20, 7) // INTS
      }
    })
  message.string(7, domain)
}

function writeInitializer(
  message: ProtobufWriter,
  { name, type, dims, data }: OnnxInitializer,
  external?: string,
): void {
  for (const size of dims) message.int(1, size)
  message.int(2, onnxType[type])
  message.string(8, name)
  if (external === undefined) {
    message.bytes(9, data)
    return
  }
  for (const [key, value] of [
    ['location', external],
    ['offset', '0'],
    ['length', `${data.length}`],
  ])
    message.message(13, (entry) => {
      entry.string(1, key)
      entry.string(2, value)
    })
  message.int(14, 1) // data_location EXTERNAL
}

function writeValue(message: ProtobufWriter, { name, type, dims }: OnnxValue): void {
  message.string(1, name)
  message.message(2, (valueType) =>
    valueType.message(1, (tensorType) => {
      tensorType.int(1, onnxType[type])
      tensorType.message(2, (shape) => {
        for (const size of dims)
          shape.message(1, (dim) => (typeof size === 'string' ? dim.string(2, size) : dim.int(1, size)))
      })
    }),
  )
}
