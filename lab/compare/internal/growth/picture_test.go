package growth

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"unicode/utf8"
)

// drawn returns the picture of a report.
func drawn(t *testing.T, r Report) string {
	t.Helper()
	var b strings.Builder
	if err := r.WriteSVG(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// label is a line of text, and the box around it.
type label struct {
	text                     string
	left, right, top, bottom float64
}

// element is what the tests read of an element of the picture.
type element struct {
	Class string  `xml:"class,attr"`
	X     float64 `xml:"x,attr"`
	Y     float64 `xml:"y,attr"`
	D     string  `xml:"d,attr"`
	Text  string  `xml:",chardata"`
}

// elements returns all elements of a name. The picture must be well-formed.
func elements(t *testing.T, svg, name string) []element {
	t.Helper()
	var all []element
	for d := xml.NewDecoder(strings.NewReader(svg)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == name {
			var e element
			if err := d.DecodeElement(&e, &start); err != nil {
				t.Fatal(err)
			}
			all = append(all, e)
		}
	}
}

// labels returns the texts of the picture with their boxes. A letter of DejaVu Sans, which is a
// wide font, has 0.56 of the size on average, and 0.6 in bold.
func labels(t *testing.T, svg string) []label {
	t.Helper()
	var all []label
	for _, e := range elements(t, svg, "text") {
		size, letter := 8.5, 0.56
		switch e.Class {
		case "head":
			size, letter = 11, 0.6
		case "title":
			size, letter = 9, 0.6
		}
		width := size * letter * float64(utf8.RuneCountInString(e.Text))
		left := e.X
		switch {
		case strings.HasSuffix(e.Class, " y"):
			left -= width
		case strings.HasSuffix(e.Class, " x"):
			left -= width / 2
		}
		all = append(all, label{e.Text, left, left + width, e.Y - 0.75*size, e.Y + 0.2*size})
	}
	return all
}

func TestLabelsAreInThePictureAndDoNotOverlap(t *testing.T) {
	widest := sampleReport() // negative exponents everywhere, and axes that are nearly as long as they can be
	for i, p := range widest.Points {
		for j := range p.Slices {
			p.Slices[j].ServerSeconds /= float64(p.Conns)
			p.Slices[j].Messages /= math.Sqrt(float64(p.Conns))
		}
		for j := range p.IdleBytes {
			widest.Points[i].IdleBytes[j] /= math.Sqrt(float64(p.Conns))
		}
	}
	topmost := sampleReport() // axes that end at a power of ten, so that a label is at each end
	for _, p := range topmost.Points {
		for j := range p.Slices {
			p.Slices[j].ServerSeconds *= 0.9 / 3.83
			p.Slices[j].Messages *= 0.9 / 1.25
		}
	}
	for name, r := range map[string]Report{"sample": sampleReport(), "widest": widest, "topmost": topmost} {
		all := labels(t, drawn(t, r))
		if len(all) < 100 {
			t.Errorf("%s: got %d labels", name, len(all))
		}
		for i, a := range all {
			if a.left < 0 || a.right > width || a.top < 0 {
				t.Errorf("%s: %q is from %.1f to %.1f, %.1f from the top: not in the picture", name, a.text, a.left, a.right, a.top)
			}
			for _, b := range all[:i] {
				if a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom {
					t.Errorf("%s: %q and %q overlap", name, a.text, b.text)
				}
			}
		}
	}
}

func TestPictureHasEveryDotAndEveryFit(t *testing.T) {
	r := sampleReport()
	wantDots, wantFits := 0, 0
	for _, c := range r.Charts() {
		for _, l := range c.Lines {
			wantDots += len(l.Dots)
			if l.Fitted {
				wantFits++
			}
		}
	}
	dots, fits := 0, 0
	for _, e := range elements(t, drawn(t, r), "path") {
		switch {
		case strings.HasPrefix(e.Class, "mark ") && !strings.HasPrefix(e.D, "M0 0"): // which are in the legends
			dots += strings.Count(e.D, "M")
		case strings.HasPrefix(e.Class, "fit "):
			fits++
		}
	}
	if dots != wantDots || fits != wantFits || wantFits != 7*len(Servers)-1 { // the memory of select has one dot
		t.Errorf("got %d dots and %d fits, want %d and %d", dots, fits, wantDots, wantFits)
	}
}

func TestLegendHasTheExponents(t *testing.T) {
	var got []string
	for _, e := range elements(t, drawn(t, sampleReport()), "text") {
		if e.Class == "entry" && len(got) < len(Servers) {
			got = append(got, e.Text)
		}
	}
	if want := "C 0.00, epoll 0.00, net 0.00, poll 0.98, select 0.73"; strings.Join(got, ", ") != want {
		t.Errorf("got %s, want %s", strings.Join(got, ", "), want)
	}
}

func TestPictureIsTheSameEachTime(t *testing.T) {
	first := drawn(t, sampleReport())
	for range 5 {
		if drawn(t, sampleReport()) != first {
			t.Fatal("two pictures of a report differ")
		}
	}
}

func TestEmptyReportHasAPicture(t *testing.T) {
	if got := len(labels(t, drawn(t, Report{}))); got < 7 {
		t.Errorf("got %d labels, want the titles", got)
	}
}
