package report_test

import (
	"fmt"
	"io"
	"testing"
	"time"

	"echod/internal/report"
)

func TestLineHasTheMainFigures(t *testing.T) {
	wantGolden(t, "line.txt", func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s\n%s\n", report.Line(sample(1, 10, 240*time.Microsecond)), report.Line(troubled()))
		return err
	})
}
