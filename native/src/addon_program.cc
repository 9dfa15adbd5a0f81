// Program: its description read from JavaScript, its runs.
#include "addon.h"

namespace paceline::js {
namespace {

ProgramDescription describe(napi_env env, napi_value from) {
  ProgramDescription description;
  const auto field = [&](const char* name) { return property(env, from, name); };
  description.arenaWidth = toInteger(env, field("arenaWidth"), "arenaWidth");
  description.ops = copyOf<int32_t>(env, field("ops"), "ops");
  description.constants = copyOf<float>(env, field("constants"), "constants");
  description.inputs = copyOf<int32_t>(env, field("inputs"), "inputs");
  description.outputs = copyOf<int32_t>(env, field("outputs"), "outputs");
  description.caches = copyOf<int32_t>(env, field("caches"), "caches");
  for (napi_value weight : elements(env, field("weights"), "weights"))
    description.weights.push_back(objectOf<Weight>(env, weight));
  for (napi_value table : elements(env, field("tables"), "tables")) {
    description.tables.push_back({copyOf<double>(env, property(env, table, "frequencies"), "frequencies"),
                                  toDouble(env, property(env, table, "scale"), "scale"),
                                  toInteger(env, property(env, table, "positions"), "positions")});
  }
  description.kernels = kernelsNamed(env, field("isa"));
  return description;
}

napi_value makeProgram(const Call& call) {
  expectNew<Program>(call);
  const std::shared_ptr<Pool> pool = objectOf<Pool>(call.env, call[0]);
  return bind(call, std::make_shared<Program>(pool, describe(call.env, call[1])), 0);
}

std::vector<int64_t> integers(napi_env env, napi_value value, const char* name) {
  std::vector<int64_t> result;
  if (isTypedArray(env, value)) {
    for (int32_t number : copyOf<int32_t>(env, value, name)) result.push_back(number);
  } else {
    for (napi_value element : elements(env, value, name)) result.push_back(toInteger(env, element, name));
  }
  return result;
}

napi_value run(const Call& call) {
  const napi_env env = call.env;
  const std::shared_ptr<Program> program = objectOf<Program>(env, call.self);
  const int64_t rows = toInteger(env, call[0], "rows");
  const int64_t held = isNone(env, call[5]) ? 0 : toInteger(env, call[5], "held");
  const int64_t riders = isNone(env, call[6]) ? rows : toInteger(env, call[6], "riders");
  // What may run JavaScript (getters) comes first; after it, memory of typed arrays stays where it is.
  const std::vector<napi_value> arrays = elements(env, call[1], "inputs");
  const std::vector<int64_t> wanted = integers(env, call[4], "wanted");
  Handle<Cache>* cache = isNone(env, call[2]) ? nullptr : &handleOf<Cache>(env, call[2]);
  if (cache) objectOf<Cache>(env, call[2]);
  std::vector<int32_t> parents;
  if (!isNone(env, call[3])) parents = copyOf<int32_t>(env, call[3], "parents");
  std::vector<RunInput> inputs;
  for (napi_value array : arrays) {
    const Bytes bytes = bytesOf(env, array, "inputs");
    if (bytes.type != napi_float32_array && bytes.type != napi_int32_array)
      throw argumentError("inputs: expected Float32Array or Int32Array");
    inputs.push_back({bytes.type == napi_float32_array ? DType::kF32 : DType::kI32, bytes.data, bytes.length});
  }
  program->run(rows, inputs, cache ? cache->object.get() : nullptr, parents.data(), parents.size(), wanted, held,
               riders);
  if (cache) cache->report(env, cache->object->bytes());

  napi_value results;
  check(env, napi_create_array_with_length(env, wanted.size(), &results));
  for (size_t i = 0; i < wanted.size(); i++) {
    const size_t count = program->outputCount(wanted[i]);
    void* data = nullptr;
    const napi_value array = program->outputType(wanted[i]) == DType::kF32 ? makeTypedArray<float>(env, count, &data)
                                                                          : makeTypedArray<int32_t>(env, count, &data);
    // Someone may have replaced the constructor by a function that runs this program.
    if (program->outputCount(wanted[i]) != count) throw Error("runtime", "a run within a run");
    program->copyOutput(wanted[i], data);
    check(env, napi_set_element(env, results, static_cast<uint32_t>(i), array));
  }
  return results;
}

napi_value programBytes(const Call& call) {
  return number(call.env, static_cast<double>(objectOf<Program>(call.env, call.self)->bytes()));
}

}  // namespace

void defineProgram(napi_env env, napi_value exports) {
  defineClass<Program>(env, exports, callback<makeProgram>,
                       {method<run>("run"), getter<programBytes>("bytes"), method<dispose<Program>>("dispose")});
}

}  // namespace paceline::js
