package hist

import (
	"fmt"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Fold makes h small: some hundred bytes in place of a quarter of a megabyte of
// counters. It is for those that are kept, one for each second of a run, say, and
// seldom asked: each question unfolds them anew. What is recorded or added later
// unfolds h for good.
func (h *Hist) Fold() {
	if h.h != nil {
		h.folded, h.h = encode(h.h), nil
	}
}

func (h *Hist) unfold() { h.h, h.folded = h.counters(), nil }

// counters are what h counts in; of a folded one, a copy.
func (h *Hist) counters() *hdrhistogram.Histogram {
	switch {
	case h.h != nil:
		return h.h
	case h.folded == nil:
		return empty() // the zero Hist
	}
	read, err := decode(h.folded)
	if err != nil {
		panic("hist: what has been folded does not unfold: " + err.Error())
	}
	return read
}

// encode writes all counts in HdrHistogram's V2 encoding, compressed, in base64.
func encode(h *hdrhistogram.Histogram) []byte {
	text, err := h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		panic("hist: encode to memory: " + err.Error())
	}
	return text
}

// decode reads what encode, or another library, wrote. It refuses counters of
// another shape: they cannot be added up without loss.
func decode(text []byte) (*hdrhistogram.Histogram, error) {
	read, err := hdrhistogram.Decode(text)
	if err != nil {
		return nil, fmt.Errorf("decode a histogram: %w", err)
	}
	if read.LowestTrackableValue() != int64(lowest) || read.HighestTrackableValue() != int64(highest) ||
		read.SignificantFigures() != digits {
		return nil, fmt.Errorf("a histogram from %d to %d in %d digits; it must be from %d to %d ns in %d",
			read.LowestTrackableValue(), read.HighestTrackableValue(), read.SignificantFigures(), lowest, highest, digits)
	}
	return read, nil
}
