package hist

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// MarshalJSON writes all counts as one string: HdrHistogram's V2 encoding,
// compressed, in base64, as the libraries of other languages read it. Values are
// nanoseconds.
func (h *Hist) MarshalJSON() ([]byte, error) {
	text, err := h.h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		return nil, fmt.Errorf("encode a histogram: %w", err)
	}
	return json.Marshal(string(text))
}

// UnmarshalJSON reads what MarshalJSON wrote, by whichever library, if it counts
// from a nanosecond to an hour in three digits: others cannot be added up
// without loss. After an error, h is what it was.
func (h *Hist) UnmarshalJSON(text []byte) error {
	var encoded string
	if err := json.Unmarshal(text, &encoded); err != nil {
		return errors.New("a histogram is a string in base64")
	}
	read, err := hdrhistogram.Decode([]byte(encoded))
	if err != nil {
		return fmt.Errorf("decode a histogram: %w", err)
	}
	if read.LowestTrackableValue() != int64(lowest) || read.HighestTrackableValue() != int64(highest) ||
		read.SignificantFigures() != digits {
		return fmt.Errorf("a histogram from %d to %d in %d digits; it must be from %d to %d ns in %d",
			read.LowestTrackableValue(), read.HighestTrackableValue(), read.SignificantFigures(), lowest, highest, digits)
	}
	h.h = read
	return nil
}
