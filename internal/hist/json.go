package hist

import (
	"encoding/json"
	"errors"
)

// MarshalJSON writes all counts as one string: HdrHistogram's V2 encoding,
// compressed, in base64, as the libraries of other languages read it. Values are
// nanoseconds.
func (h *Hist) MarshalJSON() ([]byte, error) {
	if h.folded != nil {
		return json.Marshal(string(h.folded))
	}
	return json.Marshal(string(encode(h.counters())))
}

// UnmarshalJSON reads what MarshalJSON wrote, by whichever library, if it counts
// from a nanosecond to an hour in three digits: others cannot be added up
// without loss. Then h is folded. After an error, it is what it was.
func (h *Hist) UnmarshalJSON(text []byte) error {
	var encoded string
	if err := json.Unmarshal(text, &encoded); err != nil {
		return errors.New("a histogram is a string in base64")
	}
	if _, err := decode([]byte(encoded)); err != nil {
		return err
	}
	h.h, h.folded = nil, []byte(encoded)
	return nil
}
