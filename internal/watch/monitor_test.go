package watch

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestMembersAreRemovedAfterThreeAnswers has answers of a resolver as input.
func TestMembersAreRemovedAfterThreeAnswers(t *testing.T) {
	tests := []struct {
		name    string
		answers []string // the addresses of each, separated by spaces
		want    []string // "+added -removed" of each
	}{
		{"all the same", []string{"a b", "b a", "a b"}, []string{"+a +b", "", ""}},
		{"one more", []string{"a", "a b"}, []string{"+a", "+b"}},
		{"gone after three answers", []string{"a b", "a", "a", "a", "a"}, []string{"+a +b", "", "", "-b", ""}},
		{"back in time", []string{"a b", "a", "a", "a b", "a", "a", "a"}, []string{"+a +b", "", "", "", "", "", "-b"}},
		{"all removed", []string{"a b", "", "", ""}, []string{"+a +b", "", "", "-a -b"}},
		{"back too late", []string{"a", "b", "b", "b", "a b"}, []string{"+a", "+b", "", "-a", "+a"}},
		{"all others", []string{"a", "b", "b", "b"}, []string{"+a", "+b", "", "-a"}},
		{"none ever", []string{"", ""}, []string{"", ""}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newMembers()
			var got []string
			for _, answer := range tt.answers {
				added, removed := s.update(strings.Fields(answer))
				var words []string
				for _, address := range added {
					s.add(address)
					words = append(words, "+"+address)
				}
				for _, address := range removed {
					words = append(words, "-"+address)
				}
				got = append(got, strings.Join(words, " "))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("added and removed (-want +got)\n%s", diff)
			}
		})
	}
}

// TestAddressThatWasNotAddedIsReturnedAgain: the limit may not be reached the next time.
func TestAddressThatWasNotAddedIsReturnedAgain(t *testing.T) {
	s := newMembers()
	for range 2 {
		if added, _ := s.update([]string{"a"}); !cmp.Equal(added, []string{"a"}) {
			t.Errorf("got %v, want a", added)
		}
	}
}
