package usage_test

import (
	"testing"

	"echod/internal/usage"
)

func TestErrorSaysWhatIsWrongAndThenWhatIsValid(t *testing.T) {
	err := usage.New(`--conns: invalid value "x"`, "want a number from 1 to 20000")
	const want = `--conns: invalid value "x": want a number from 1 to 20000`
	if err.Error() != want {
		t.Errorf("got %s, want %s", err, want)
	}
}
