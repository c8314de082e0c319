package watch

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRosterIsPatient feeds answers, and reads who joins and who leaves.
func TestRosterIsPatient(t *testing.T) {
	tests := []struct {
		name    string
		answers []string // each the addresses of one, with spaces between them
		want    []string // "+joined -left" of each
	}{
		{"all the same", []string{"a b", "b a", "a b"}, []string{"+a +b", "", ""}},
		{"one more", []string{"a", "a b"}, []string{"+a", "+b"}},
		{"gone after three answers", []string{"a b", "a", "a", "a", "a"}, []string{"+a +b", "", "", "-b", ""}},
		{"back in time", []string{"a b", "a", "a", "a b", "a", "a", "a"}, []string{"+a +b", "", "", "", "", "", "-b"}},
		{"all gone", []string{"a b", "", "", ""}, []string{"+a +b", "", "", "-a -b"}},
		{"back too late", []string{"a", "b", "b", "b", "a b"}, []string{"+a", "+b", "", "-a", "+a"}},
		{"all others", []string{"a", "b", "b", "b"}, []string{"+a", "+b", "", "-a"}},
		{"nobody ever", []string{"", ""}, []string{"", ""}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRoster()
			var got []string
			for _, answer := range tt.answers {
				joined, left := r.answer(strings.Fields(answer))
				var words []string
				for _, address := range joined {
					r.add(address)
					words = append(words, "+"+address)
				}
				for _, address := range left {
					words = append(words, "-"+address)
				}
				got = append(got, strings.Join(words, " "))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("joined and left (-want +got)\n%s", diff)
			}
		})
	}
}

// TestRosterOffersAgainWhoWasNotAdded: there may be room the next time.
func TestRosterOffersAgainWhoWasNotAdded(t *testing.T) {
	r := newRoster()
	for range 2 {
		if joined, _ := r.answer([]string{"a"}); !cmp.Equal(joined, []string{"a"}) {
			t.Errorf("got %v, want a", joined)
		}
	}
}
