package draw

import (
	"math"
	"slices"
	"strings"
)

// sparks are the bars of a sparkline, in eighths of its height.
var sparks = []rune(" ▁▂▃▄▅▆▇█")

// Sparkline draws values as a row of bars, from 0 to the highest value. There is at most one
// bar for each of width columns, which is at least 1: if there are more values, neighbours
// share a bar, which is the one that pick returns. Values are not negative. NaN and 0 have
// no bar.
func Sparkline(values []float64, width int, pick func(neighbours []float64) float64) string {
	var bars []float64
	high := 0.0
	for neighbours := range slices.Chunk(values, max(1, (len(values)+width-1)/width)) {
		bar := pick(neighbours)
		if math.IsNaN(bar) {
			bar = 0
		}
		bars, high = append(bars, bar), max(high, bar)
	}
	var b strings.Builder
	for _, bar := range bars {
		eighths := 0
		if high > 0 {
			eighths = int(math.Ceil(bar / high * 8))
		}
		b.WriteRune(sparks[eighths])
	}
	return b.String()
}
