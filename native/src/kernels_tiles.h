// A product with few rows: each panel is read once from memory for all rows.
//
// Included by each kernels_*.cc after kernels_layout.h; needs Lanes. A table gives `linearTiles` its tile functions for
// 1..N rows and 1..P panels. Panels are worked off in parts of their inputs that the caches hold: all rows of a block
// pass over a part, tile by tile, while the next part is fetched; sums wait in `state`. Every tile runs the same
// operations per row in the same order, so how rows fall into tiles and columns into calls is without effect on a row.
#pragma once
#include "kernels_compiler.h"
#include "kernels_layout.h"

namespace paceline {
namespace {

// The part of the panels that is read next, fetched while a tile computes. The tiles of a part share the lines evenly,
// so that memory is as busy in the last tile as in the first. It goes to the second-level cache: two panels' parts are as large
// as the first-level cache of some processors, and would push out one another and the rows.
struct Ahead {
  const uint8_t* at;
  size_t panelBytes;
  int32_t every, left;  // every so many steps

  template <int P, int kLines>
  PACELINE_INLINE void step() {
    if (--left > 0) return;
    left = every;
    repeat<P>([&](auto p) PACELINE_LAMBDA {
      repeat<kLines>([&](auto i) PACELINE_LAMBDA { PACELINE_PREFETCH_FAR(at + p * panelBytes + i * kLine); });
    });
    at += kLines * kLine;
  }
};

struct Tile {
  const uint8_t* panel;  // the first of the tile's panels
  size_t panelBytes;
  int32_t k, begin, end;  // this part is inputs [begin, end), in whole groups unless it is the last
  const uint8_t* x;       // the tile's first row
  size_t xStride;
  float* y;
  size_t yStride;
  int32_t columns;  // of the last panel
  float* state;     // [rows][panels][16], between parts
  Ahead ahead;

  bool first() const { return begin == 0; }
  bool last() const { return end == k; }
  float* stateOf(int r, int p, int panels) const { return state + (r * panels + p) * kPanel; }
  const uint8_t* row(int r) const { return x + r * xStride; }
};

using TileFunction = void (*)(Tile tile);

// Row r of the tile and its panel p of `panels`: sums begin at `initial`, or go on from the part before.
PACELINE_INLINE Lanes resume(const Tile& tile, int r, int p, int panels, Lanes initial) {
  return tile.first() ? initial : load(tile.stateOf(r, p, panels));
}

// Sums are kept for the next part, or done: then result() is what becomes of them.
template <typename Result>
PACELINE_INLINE void leave(const Tile& tile, int r, int p, int panels, Lanes sums, Result result) {
  float* y = tile.y + r * tile.yStride + p * kPanel;
  if (!tile.last()) {
    store(tile.stateOf(r, p, panels), sums);
  } else if (p < panels - 1 || tile.columns == kPanel) {
    store(y, result());
  } else {
    storeSome(y, result(), tile.columns);
  }
}

PACELINE_INLINE void leaveF32(const Tile& tile, int r, int p, int panels, Lanes sums) {
  leave(tile, r, p, panels, sums, [&] { return sums; });
}
PACELINE_INLINE void leaveInt8(const Tile& tile, int r, int p, int panels, Ints sums) {
  leave(tile, r, p, panels, asLanes(sums), [&] {
    const Lanes scales = load(reinterpret_cast<const float*>(tile.panel + p * tile.panelBytes));
    return mul(mul(floatsOf(sums), scales), broadcast(rowScale(tile.row(r))));
  });
}
PACELINE_INLINE void leaveInt4(const Tile& tile, int r, int p, int panels, Lanes sums) {
  leave(tile, r, p, panels, sums, [&] { return mul(sums, broadcast(rowScale(tile.row(r)))); });
}

// Where the part begins: its weights in the first panel, and its inputs in the first row.
inline const uint8_t* partWeights(const Tile& tile, WeightType type) {
  return tile.panel + headerBytes(type, tile.k) + bytesOfInputs(type, tile.begin);
}
inline const int8_t* partInputs(const Tile& tile) { return rowValues(tile.x, tile.k) + tile.begin; }
inline const uint8_t* partScales(const Tile& tile) { return tile.panel + tile.begin / kGroup * kGroupScaleBytes; }

// One chain of fused multiply-adds per output, in the order of the inputs.
template <int R, int P>
void tileF32(Tile tile) {
  Lanes sums[R][P];
  repeat<R>([&](auto r) PACELINE_LAMBDA {
    repeat<P>([&](auto p) PACELINE_LAMBDA { sums[r][p] = resume(tile, r, p, P, broadcast(0)); });
  });
  const uint8_t* x = tile.x + tile.begin * sizeof(float);
  const float* w = reinterpret_cast<const float*>(partWeights(tile, WeightType::kF32));
  const auto input = [&](int32_t i) PACELINE_LAMBDA {
    Lanes weights[P];
    repeat<P>([&](auto p) PACELINE_LAMBDA { weights[p] = load(w + i * kPanel + p * (tile.panelBytes / sizeof(float))); });
    repeat<R>([&](auto r) PACELINE_LAMBDA {
      const Lanes v = broadcast(reinterpret_cast<const float*>(x + r * tile.xStride)[i]);
      repeat<P>([&](auto p) PACELINE_LAMBDA { sums[r][p] = fma(v, weights[p], sums[r][p]); });
    });
  };
  int32_t left = tile.end - tile.begin;
  for (; left >= 4; left -= 4, w += 4 * kPanel, x += 4 * sizeof(float)) {
    tile.ahead.step<P, 4>();
    input(0);
    input(1);
    input(2);
    input(3);
  }
  for (; left > 0; left--, w += kPanel, x += sizeof(float)) input(0);
  repeat<R>([&](auto r) PACELINE_LAMBDA {
    repeat<P>([&](auto p) PACELINE_LAMBDA { leaveF32(tile, r, p, P, sums[r][p]); });
  });
}

// tiles[panels - 1][rows - 1]
template <int kPanels, int kRows>
struct TileTable {
  TileFunction tiles[kPanels][kRows];
};

constexpr size_t kPartBytes = 16 << 10;  // of one panel
constexpr int32_t kBlockRows = 96;

template <int kPanels, int kRows>
void linearTiles(const TileTable<kPanels, kRows>& table, const LinearWeight& weight, const uint8_t* x, size_t xStride,
                 int32_t rows, float* y, size_t yStride, int32_t panelBegin, int32_t panelEnd) {
  alignas(64) float state[kBlockRows * kPanels * kPanel];
  const int32_t groups = groupsOf(weight.k);
  const size_t header = headerBytes(weight.type, weight.k);
  const size_t groupBytes = bytesOfInputs(weight.type, kGroup);
  // Tables of single panels pass over all inputs at once.
  const int32_t parts = kPanels == 1 ? 1 : int32_t((groups * groupBytes + kPartBytes - 1) / kPartBytes);
  for (int32_t panel = panelBegin, panels; panel < panelEnd; panel += panels) {
    panels = panelEnd - panel < kPanels ? panelEnd - panel : kPanels;
    Tile tile;
    tile.panel = weight.data + panel * weight.panelBytes;
    tile.panelBytes = tile.ahead.panelBytes = weight.panelBytes;
    tile.k = weight.k;
    tile.xStride = xStride;
    tile.yStride = yStride;
    tile.columns = columnsOf(weight.n, panel + panels - 1);
    for (int32_t first = 0; first < rows;) {
      const int32_t blocks = (rows - first + kBlockRows - 1) / kBlockRows;
      const int32_t block = (rows - first + blocks - 1) / blocks;
      const int32_t tiles = (block + kRows - 1) / kRows;
      for (int32_t part = 0, group = 0; part < parts; part++) {
        const int32_t count = (groups - group + parts - part - 1) / (parts - part);
        tile.begin = group * kGroup;
        tile.end = part == parts - 1 ? weight.k : tile.begin + count * kGroup;
        group += count;
        const uint8_t* next = tile.panel + header + group * groupBytes;
        if (part == parts - 1) {
          next = tile.panel + header;  // of this panel again, for other rows, or of nobody
          if (blocks == 1 && panel + panels < panelEnd) {
            next += panels * weight.panelBytes;
            for (int32_t p = 0; p < panels; p++) {
              for (size_t i = 0; i < header; i += kLine) PACELINE_PREFETCH_FAR(next - header + p * weight.panelBytes + i);
            }
          }
        }
        const size_t share = count * groupBytes / kLine / tiles * kLine;
        for (int32_t t = 0, row = 0; t < tiles; t++) {
          const int32_t height = (block - row + tiles - t - 1) / (tiles - t);
          tile.x = x + (first + row) * xStride;
          tile.y = y + (first + row) * yStride + size_t(panel) * kPanel;
          tile.state = state + row * kPanels * kPanel;
          tile.ahead.at = next + t * share;
          tile.ahead.every = tile.ahead.left = tiles;
          table.tiles[panels - 1][height - 1](tile);
          row += height;
        }
      }
      first += block;
    }
  }
}

}  // namespace
}  // namespace paceline
