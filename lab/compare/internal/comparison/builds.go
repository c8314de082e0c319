package comparison

import "fmt"

// The names of two builds of echod that are compared.
const (
	BuildA = "A"
	BuildB = "B"
)

// BuildsCase compares two builds of echod under a workload, beside C.
func BuildsCase(w Workload, base, a, b Server) Case {
	a.Name, b.Name = BuildA, BuildB
	return Case{Workload: w, Servers: []Server{base, a, b}, Pairs: []Versus{{BuildA, BuildB}}}
}

// Builds is the comparison of A with B.
type Builds struct {
	Comparison
	Verdict string
}

// CompareBuilds returns the comparison of A with B, if the case has them and both ran.
func (r Result) CompareBuilds() (Builds, bool) {
	c, ok := r.comparison(Versus{BuildA, BuildB})
	if !ok {
		return Builds{}, false
	}
	t, verdict, mayNotBeFaster := c.Throughput, "", []string{BuildA, BuildB}
	switch why := r.CannotTell(); {
	case why != "":
		return Builds{c, string(NotApart) + ": " + why}, true
	case t.Pairs < minPairs:
		return Builds{c, fmt.Sprintf("%s: %d pairs, want %d", NotApart, t.Pairs, minPairs)}, true
	case t.Low > 1:
		verdict, mayNotBeFaster = "A is faster", []string{BuildB}
	case t.High < 1:
		verdict, mayNotBeFaster = "B is faster", []string{BuildA}
	case t.Low >= 1-precision && t.High <= 1+precision:
		verdict = "no difference of 2 %"
	default:
		verdict = string(NotApart)
	}
	if why := r.generatorLimits(mayNotBeFaster...); why != "" {
		verdict = string(NotApart) + ": " + why
	}
	return Builds{c, verdict}, true
}
