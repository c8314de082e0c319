package report_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"echod/internal/report"
)

// TestPictureOfTheMatrixIsUpToDate draws docs/matrix.svg again, from the reports in docs/matrix.
func TestPictureOfTheMatrixIsUpToDate(t *testing.T) {
	paths, err := filepath.Glob("../../docs/matrix/[0-9]*.json")
	if err != nil || len(paths) < 20 {
		t.Fatalf("got %d reports (%v), want at least 20", len(paths), err)
	}
	var checks []report.Check
	for _, path := range paths {
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		document, err := report.Read(path, file)
		file.Close()
		if err != nil {
			t.Fatal(err)
		}
		checks = append(checks, report.Check{Name: strings.TrimSuffix(filepath.Base(path), ".json"), Checked: document.Check})
	}
	var got strings.Builder
	if err := report.WriteCheckSVG(&got, checks); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("../../docs/matrix.svg")
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Error("docs/matrix.svg is out of date: run go run . -render in lab/matrix")
	}
}
