import { quote } from '../safetensors/json-reader.ts'
import type { Fail } from './cursor.ts'
import { Machine } from './machine.ts'
import { type OpcodeName, opcodeNames } from './opcodes.ts'
import { construct, storageOf } from './torch-objects.ts'
import { globals, kindOf, PickleDict, type PickleValue } from './values.ts'

/*
 * A pickle is a program for a stack machine, and a general reader of pickles runs whatever the file tells it to. This one
 * knows the instructions that torch.save needs for a dictionary of tensors (pickle protocol 2), each of which pushes data
 * or rearranges it, and refuses all others. No instruction jumps, so a pickle ends with its bytes.
 */

/**
 * The value of a pickle that torch.save wrote. `fail` is told what is wrong and must throw: code `format` for bytes that
 * make no pickle, `unsupported` for one that needs more than tensors and dictionaries.
 */
export function unpickle(bytes: Uint8Array, fail: Fail): PickleValue {
  const machine = new Machine(bytes, fail)
  for (;;) {
    const { position } = machine.cursor
    const code = machine.cursor.uint8()
    const name = opcodeNames.get(code)
    if (name === 'STOP') return machine.result()
    const instruction = name && instructions[name]
    if (instruction === undefined)
      fail('unsupported', `has the instruction ${name ?? 'of code'} 0x${code.toString(16)} at byte ${position}`)
    else instruction(machine)
  }
}

type Instruction = (machine: Machine) => void

const instructions: Partial<Record<OpcodeName, Instruction>> = {
  PROTO: ({ cursor, fail }) => {
    const protocol = cursor.uint8()
    if (protocol > 2)
      fail('unsupported', `is of protocol ${protocol}, where torch.save has 2 unless it is told otherwise`)
  },

  NONE: (machine) => machine.push(null),
  NEWTRUE: (machine) => machine.push(true),
  NEWFALSE: (machine) => machine.push(false),
  BININT: (machine) => machine.push(machine.cursor.int32()),
  BININT1: (machine) => machine.push(machine.cursor.uint8()),
  BININT2: (machine) => machine.push(machine.cursor.uint16()),
  LONG1: (machine) => machine.push(machine.cursor.integer(machine.cursor.uint8())),
  BINUNICODE: (machine) => machine.push(machine.cursor.text(machine.cursor.uint32())),

  MARK: (machine) => machine.mark(),
  EMPTY_TUPLE: (machine) => machine.pushTuple([]),
  TUPLE1: (machine) => machine.pushTuple(machine.take(1)),
  TUPLE2: (machine) => machine.pushTuple(machine.take(2)),
  TUPLE3: (machine) => machine.pushTuple(machine.take(3)),
  TUPLE: (machine) => machine.pushTuple(machine.takeMarked()),
  EMPTY_DICT: (machine) => machine.pushDict(new PickleDict()),
  SETITEM: (machine) => machine.setItems(machine.take(2)),
  SETITEMS: (machine) => machine.setItems(machine.takeMarked()),

  BINPUT: (machine) => machine.put(machine.cursor.uint8()),
  LONG_BINPUT: (machine) => machine.put(machine.cursor.uint32()),
  BINGET: (machine) => machine.push(machine.get(machine.cursor.uint8())),
  LONG_BINGET: (machine) => machine.push(machine.get(machine.cursor.uint32())),

  GLOBAL: (machine) => {
    const name = `${machine.cursor.line()}.${machine.cursor.line()}`
    machine.push(globals.get(name) ?? machine.fail('unsupported', `refers to ${quote(name)}`))
  },
  BINPERSID: (machine) => machine.push(storageOf(machine.pop(), machine.fail)),
  REDUCE: (machine) => {
    const [callee, args] = machine.take(2)
    const value = construct(callee, args, machine.fail)
    if (value instanceof PickleDict) machine.pushDict(value)
    else machine.push(value)
  },
  // A state_dict carries versions of its modules as an attribute. They say nothing about its tensors.
  BUILD: (machine) => {
    const state = machine.pop()
    const target = machine.top()
    if (!(target instanceof PickleDict)) machine.fail('unsupported', `sets the state of ${kindOf(target)}`)
    if (!(state instanceof PickleDict)) machine.fail('unsupported', `has ${kindOf(state)} as the state of a dictionary`)
  },
}
