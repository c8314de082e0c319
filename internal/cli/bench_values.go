package cli

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"echod/internal/load"
	"echod/internal/report"
)

// rate is a number per second.
func rate(perSecond *float64) pflag.Value {
	return &value[float64]{p: perSecond, kind: "rate", parse: parseRate, text: func(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }}
}

// schedule is a constant rate or stages.
func schedule(r *load.Rate) pflag.Value {
	return &value[load.Rate]{p: r, kind: "rate", parse: load.ParseRate, text: load.Rate.String}
}

// percentage is a part of 1 from 1 % to 50 %.
func percentage(part *float64) pflag.Value {
	return &value[float64]{p: part, kind: "percentage", parse: func(text string) (float64, error) {
		n, err := parsePercent(text)
		if err != nil || n < 0.01 || n > 0.5 {
			return 0, errors.New("want a percentage from 1% to 50%, e.g. 5%")
		}
		return n, nil
	}, text: func(n float64) string { return strconv.FormatFloat(n*100, 'f', -1, 64) + "%" }}
}

// parseRate reads 5000 or 5000/s.
func parseRate(text string) (float64, error) {
	n, err := strconv.ParseFloat(strings.TrimSuffix(text, "/s"), 64)
	if err != nil || !(n >= 0 && n <= load.MaxRate) {
		return 0, fmt.Errorf("want a number per second from 0 to %.0f, e.g. 5000 or 5000/s", load.MaxRate)
	}
	return n, nil
}

// sizes are the lengths of messages.
func sizes(sizes *load.Sizes) pflag.Value {
	return &value[load.Sizes]{p: sizes, kind: "sizes", parse: load.ParseSizes, text: load.Sizes.String}
}

// percentiles is a list of numbers above 0 and below 100, in their order.
func percentiles(all *[]float64) pflag.Value {
	*all = report.DefaultPercentiles
	return &value[[]float64]{p: all, kind: "list", parse: parsePercentiles, text: percentilesText}
}

func parsePercentiles(text string) ([]float64, error) {
	var all []float64
	for one := range strings.SplitSeq(text, ",") {
		p, err := parsePercentile(strings.TrimSpace(one))
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

func percentilesText(all []float64) string {
	var texts []string
	for _, p := range all {
		texts = append(texts, strconv.FormatFloat(p, 'f', -1, 64))
	}
	return strings.Join(texts, ",")
}

func parsePercentile(text string) (float64, error) {
	p, err := strconv.ParseFloat(text, 64)
	if err != nil || !(p > 0 && p < 100) {
		return 0, errors.New("want percentiles above 0 and below 100, e.g. 50,99,99.9")
	}
	return p, nil
}
