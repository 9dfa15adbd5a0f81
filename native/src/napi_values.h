// JavaScript values in and out, over the plain C interface of Node-API: no dependency, and one compiled addon serves
// all versions of Node. What goes wrong is a C++ exception until it reaches `callback`.
#pragma once
#include <node_api.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "memory.h"

namespace paceline::js {

// A JavaScript exception is on its way already.
struct Pending {};

inline void check(napi_env env, napi_status status) {
  if (status == napi_ok) return;
  const napi_extended_error_info* info = nullptr;
  napi_get_last_error_info(env, &info);
  const std::string message = info && info->error_message ? info->error_message : "Node-API call failed";
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  if (pending) throw Pending();
  throw argumentError(message);
}

// The arguments of a call.
class Call {
 public:
  static constexpr size_t kMost = 7;

  Call(napi_env caller, napi_callback_info info) : env(caller) {
    size_t count = kMost;  // missing ones become undefined
    check(env, napi_get_cb_info(env, info, &count, arguments_, &self, nullptr));
    napi_value target = nullptr;
    check(env, napi_get_new_target(env, info, &target));
    constructs = target != nullptr;
  }
  napi_value operator[](size_t i) const { return arguments_[i]; }

  const napi_env env;
  napi_value self = nullptr;
  bool constructs = false;

 private:
  napi_value arguments_[kMost];
};

// Makes a function over Call one that Node can call.
template <napi_value (*function)(const Call&)>
napi_value callback(napi_env env, napi_callback_info info) {
  try {
    return function(Call(env, info));
  } catch (const Pending&) {
  } catch (const Error& error) {
    napi_throw_error(env, error.code(), error.what());
  } catch (const std::bad_alloc&) {
    napi_throw_error(env, "runtime", "out of memory");
  } catch (const std::exception& error) {
    napi_throw_error(env, "runtime", error.what());
  }
  return nullptr;
}

inline napi_valuetype typeOf(napi_env env, napi_value value) {
  napi_valuetype type;
  check(env, napi_typeof(env, value, &type));
  return type;
}

inline bool isNone(napi_env env, napi_value value) {
  const napi_valuetype type = typeOf(env, value);
  return type == napi_null || type == napi_undefined;
}

inline double toDouble(napi_env env, napi_value value, const char* name) {
  double number;
  if (napi_get_value_double(env, value, &number) != napi_ok)
    throw argumentError(std::string(name) + ": expected a number");
  return number;
}

inline int64_t toInteger(napi_env env, napi_value value, const char* name) {
  const double number = toDouble(env, value, name);
  if (!(std::abs(number) <= 9007199254740991.0) || number != std::floor(number))
    throw argumentError(std::string(name) + ": expected a whole number");
  return static_cast<int64_t>(number);
}

inline std::string toString(napi_env env, napi_value value, const char* name) {
  char text[64];
  size_t length;
  if (napi_get_value_string_utf8(env, value, text, sizeof text, &length) != napi_ok)
    throw argumentError(std::string(name) + ": expected a string");
  return std::string(text, length);
}

inline napi_value property(napi_env env, napi_value object, const char* name) {
  const napi_valuetype type = typeOf(env, object);
  if (type != napi_object && type != napi_function)
    throw argumentError(std::string(name) + ": expected an object around");
  napi_value value;
  check(env, napi_get_named_property(env, object, name, &value));
  return value;
}

inline std::vector<napi_value> elements(napi_env env, napi_value array, const char* name) {
  bool isArray = false;
  uint32_t length = 0;
  check(env, napi_is_array(env, array, &isArray));
  if (!isArray) throw argumentError(std::string(name) + ": expected an array");
  check(env, napi_get_array_length(env, array, &length));
  if (length > (1u << 20)) throw argumentError(std::string(name) + ": too long");
  std::vector<napi_value> values(length);
  for (uint32_t i = 0; i < length; i++) check(env, napi_get_element(env, array, i, &values[i]));
  return values;
}

// The memory of a typed array. Good until JavaScript runs again, which might take it away.
struct Bytes {
  napi_typedarray_type type;
  const void* data;
  size_t length;  // elements
};

inline bool isTypedArray(napi_env env, napi_value value) {
  bool is = false;
  check(env, napi_is_typedarray(env, value, &is));
  return is;
}

inline Bytes bytesOf(napi_env env, napi_value value, const char* name) {
  if (!isTypedArray(env, value)) throw argumentError(std::string(name) + ": expected a typed array");
  Bytes bytes{};
  void* data = nullptr;
  check(env, napi_get_typedarray_info(env, value, &bytes.type, &bytes.length, &data, nullptr, nullptr));
  bytes.data = data;
  if (!data) bytes.length = 0;
  return bytes;
}

template <typename T>
struct TypedArrayOf;
template <>
struct TypedArrayOf<float> {
  static constexpr napi_typedarray_type type = napi_float32_array;
  static constexpr const char* name = "Float32Array";
};
template <>
struct TypedArrayOf<double> {
  static constexpr napi_typedarray_type type = napi_float64_array;
  static constexpr const char* name = "Float64Array";
};
template <>
struct TypedArrayOf<int32_t> {
  static constexpr napi_typedarray_type type = napi_int32_array;
  static constexpr const char* name = "Int32Array";
};

// A copy, which nobody can change while it is checked and used.
template <typename T>
std::vector<T> copyOf(napi_env env, napi_value value, const char* name) {
  using Expected = TypedArrayOf<T>;
  const Bytes bytes = bytesOf(env, value, name);
  if (bytes.type != Expected::type) throw argumentError(std::string(name) + ": expected " + Expected::name);
  const T* data = static_cast<const T*>(bytes.data);
  return data ? std::vector<T>(data, data + bytes.length) : std::vector<T>();
}

// A new typed array of zeros. Made by its constructor, which throws where Node-API would end the process: no memory.
template <typename T>
napi_value makeTypedArray(napi_env env, size_t length, void** data) {
  using Expected = TypedArrayOf<T>;
  napi_value global, count, array;
  check(env, napi_get_global(env, &global));
  check(env, napi_create_double(env, static_cast<double>(length), &count));
  check(env, napi_new_instance(env, property(env, global, Expected::name), 1, &count, &array));
  const Bytes bytes = bytesOf(env, array, Expected::name);
  if (bytes.type != Expected::type || bytes.length != length)
    throw argumentError(std::string("globalThis holds another ") + Expected::name);
  *data = const_cast<void*>(bytes.data);
  return array;
}

inline napi_value number(napi_env env, double value) {
  napi_value result;
  check(env, napi_create_double(env, value, &result));
  return result;
}

inline napi_value string(napi_env env, const char* text) {
  napi_value result;
  check(env, napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &result));
  return result;
}

}  // namespace paceline::js
