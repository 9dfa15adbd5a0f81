// The module: instruction sets, Pool, Weight and Cache. It keeps nothing outside its objects, so any number of worker
// threads may load it.
#include "addon.h"

#include <cstdlib>
#include <iterator>

namespace paceline::js {
namespace {

// Chosen once per process: PACELINE_ISA, or the best.
const Kernels* processKernels() {
  struct Choice {
    const char* reason = nullptr;
    const Kernels* kernels = chooseKernels(std::getenv("PACELINE_ISA"), &reason);
  };
  static const Choice choice;
  if (!choice.kernels)
    throw Error("runtime", choice.reason ? choice.reason : "no kernels for the instruction set of PACELINE_ISA");
  return choice.kernels;
}

napi_value isa(const Call& call) { return string(call.env, processKernels()->name); }

napi_value availableIsas(const Call& call) {
  napi_value names;
  check(call.env, napi_create_array(call.env, &names));
  uint32_t i = 0;
  for (const Kernels* const* table = availableKernels(); *table; table++)
    check(call.env, napi_set_element(call.env, names, i++, string(call.env, (*table)->name)));
  return names;
}

napi_value releaseMemory(const Call&) {
  releaseFreeMemory();
  return nullptr;
}

napi_value makePool(const Call& call) {
  expectNew<Pool>(call);
  const int64_t threads = toInteger(call.env, call[0], "threads");
  if (threads < 1 || threads > Pool::kMaxThreads)
    throw argumentError("threads: expected 1 to " + std::to_string(Pool::kMaxThreads) + ", got " +
                        std::to_string(threads));
  return bind(call, std::make_shared<Pool>(static_cast<int>(threads)), 0);
}

napi_value poolThreads(const Call& call) {
  return number(call.env, objectOf<Pool>(call.env, call.self)->threads());
}

napi_value makeWeight(const Call& call) {
  expectNew<Weight>(call);
  const napi_env env = call.env;
  const std::string type = toString(env, property(env, call[0], "type"), "type");
  const int64_t n = toInteger(env, property(env, call[0], "n"), "n");
  const int64_t k = toInteger(env, property(env, call[0], "k"), "k");
  auto weight = std::make_shared<Weight>(type, n, k, kernelsNamed(env, property(env, call[0], "isa")));
  const size_t bytes = weight->bytes();
  return bind(call, std::move(weight), bytes);
}

napi_value addF32(const Call& call) {
  const std::shared_ptr<Weight> weight = objectOf<Weight>(call.env, call.self);
  const int64_t rowStart = toInteger(call.env, call[0], "rowStart");
  const Bytes values = bytesOf(call.env, call[1], "values");
  if (values.type != napi_float32_array) throw argumentError("values: expected Float32Array");
  weight->addF32(rowStart, static_cast<const float*>(values.data), values.length);
  return nullptr;
}

napi_value add(const Call& call) {
  const std::shared_ptr<Weight> weight = objectOf<Weight>(call.env, call.self);
  const int64_t rowStart = toInteger(call.env, call[2], "rowStart");
  const int64_t rows = toInteger(call.env, call[3], "rows");
  const Bytes values = bytesOf(call.env, call[0], "values"), scales = bytesOf(call.env, call[1], "scales");
  if (values.type == napi_int8_array && scales.type == napi_float32_array) {
    weight->addInt8(static_cast<const int8_t*>(values.data), values.length, static_cast<const float*>(scales.data),
                    scales.length, rowStart, rows);
  } else if (values.type == napi_uint8_array && scales.type == napi_uint16_array) {
    weight->addInt4(static_cast<const uint8_t*>(values.data), values.length,
                    static_cast<const uint16_t*>(scales.data), scales.length, rowStart, rows);
  } else {
    throw argumentError("expected Int8Array and Float32Array, or Uint8Array and Uint16Array");
  }
  return nullptr;
}

napi_value weightBytes(const Call& call) {
  return number(call.env, static_cast<double>(objectOf<Weight>(call.env, call.self)->bytes()));
}

napi_value makeCache(const Call& call) {
  expectNew<Cache>(call);
  const std::shared_ptr<Program> program = objectOf<Program>(call.env, call[0]);
  const int64_t capacity = toInteger(call.env, call[1], "capacity");
  return bind(call, std::make_shared<Cache>(program->caches(), capacity), 0);
}

napi_value cacheLength(const Call& call) {
  return number(call.env, objectOf<Cache>(call.env, call.self)->length());
}

napi_value cacheCapacity(const Call& call) {
  return number(call.env, objectOf<Cache>(call.env, call.self)->capacity());
}

napi_value cacheBytes(const Call& call) {
  return number(call.env, static_cast<double>(objectOf<Cache>(call.env, call.self)->bytes()));
}

napi_value commit(const Call& call) {
  const std::vector<int32_t> path = copyOf<int32_t>(call.env, call[0], "path");
  objectOf<Cache>(call.env, call.self)->commit(path.data(), path.size());
  return nullptr;
}

napi_value truncate(const Call& call) {
  const int64_t length = toInteger(call.env, call[0], "length");
  objectOf<Cache>(call.env, call.self)->truncate(length);
  return nullptr;
}

// Keys or values of the layers of a prefix, as they lie in memory that JavaScript owns.
std::vector<const float*> layersOf(napi_env env, const std::vector<napi_value>& arrays, const Cache& cache, const char* name,
                                   int64_t count) {
  std::vector<const float*> layers;
  for (napi_value array : arrays) {
    const Bytes bytes = bytesOf(env, array, name);
    const size_t layer = layers.size();
    if (layer >= cache.specs().size()) throw argumentError(std::string(name) + ": more layers than the cache has");
    const CacheSpec& spec = cache.specs()[layer];
    const size_t expected = size_t{1} * count * spec.kvHeads * spec.headDim;
    if (bytes.type != napi_float32_array || bytes.length != expected)
      throw argumentError(std::string(name) + " of layer " + std::to_string(layer) + ": expected a Float32Array of " +
                          std::to_string(expected) + " elements");
    layers.push_back(static_cast<const float*>(bytes.data));
  }
  return layers;
}

napi_value setPrefix(const Call& call) {
  const std::shared_ptr<Cache> cache = objectOf<Cache>(call.env, call.self);
  const int64_t count = toInteger(call.env, call[0], "count");
  if (count < 0 || count > Cache::kMaxCapacity) 
    throw argumentError("a prefix has no " + std::to_string(count) + " entries");
  // What may run JavaScript (getters) comes first; after it, memory of typed arrays stays where it is.
  const std::vector<napi_value> keys = elements(call.env, call[1], "keys"), values = elements(call.env, call[2], "values");
  cache->setPrefix(count, layersOf(call.env, keys, *cache, "keys", count),
                   layersOf(call.env, values, *cache, "values", count));
  handleOf<Cache>(call.env, call.self).report(call.env, cache->bytes());
  return nullptr;
}

napi_value define(napi_env env, napi_value exports) {
  const napi_property_descriptor functions[] = {method<isa>("isa"), method<availableIsas>("availableIsas"),
                                                  method<releaseMemory>("releaseMemory")};
  check(env, napi_define_properties(env, exports, std::size(functions), functions));
  defineClass<Pool>(env, exports, callback<makePool>,
                    {getter<poolThreads>("threads"), method<dispose<Pool>>("dispose")});
  defineClass<Weight>(env, exports, callback<makeWeight>,
                      {method<addF32>("addF32"), method<add>("add"), getter<weightBytes>("bytes"),
                       method<dispose<Weight>>("dispose")});
  defineProgram(env, exports);
  defineClass<Cache>(env, exports, callback<makeCache>,
                     {getter<cacheLength>("length"), getter<cacheCapacity>("capacity"), getter<cacheBytes>("bytes"),
                      method<commit>("commit"), method<truncate>("truncate"), method<setPrefix>("setPrefix"),
                      method<dispose<Cache>>("dispose")});
  return exports;
}

}  // namespace

const Kernels* kernelsNamed(napi_env env, napi_value name) {
  if (isNone(env, name)) return processKernels();
  const std::string wanted = toString(env, name, "isa");
  for (const Kernels* const* table = availableKernels(); *table; table++) {
    if (wanted == (*table)->name) return *table;
  }
  throw Error("runtime", "this processor cannot run the instruction set \"" + wanted + "\"");
}

}  // namespace paceline::js

NAPI_MODULE_INIT() {
  try {
    return paceline::js::define(env, exports);
  } catch (const paceline::js::Pending&) {
  } catch (const std::exception& error) {
    napi_throw_error(env, "runtime", error.what());
  }
  return nullptr;
}
