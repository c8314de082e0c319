package watch

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestMembersLeaveWhenTheyAreMissingAndDown has answers of a resolver as input, one each
// ten seconds. An address is kept for 30 s.
func TestMembersLeaveWhenTheyAreMissingAndDown(t *testing.T) {
	tests := []struct {
		name    string
		answers []string // the addresses of each, separated by spaces
		up      string   // the addresses that answer
		want    []string // "+added -removed" of each
	}{
		{"all the same", []string{"a b", "b a", "a b"}, "", []string{"+a +b", "", ""}},
		{"one more", []string{"a", "a b"}, "", []string{"+a", "+b"}},
		{"missing and down", []string{"a b", "a", "a", "a", "a"}, "a", []string{"+a +b", "", "", "-b", ""}},
		{"missing and up", []string{"a b", "a", "a", "a", "a"}, "a b", []string{"+a +b", "", "", "", ""}},
		{"back in time", []string{"a b", "a", "a", "a b", "a", "a", "a"}, "", []string{"+a +b", "", "", "", "", "", "-b"}},
		{"all missing", []string{"a b", "", "", ""}, "b", []string{"+a +b", "", "", "-a"}},
		{"back too late", []string{"a", "b", "b", "b", "a b"}, "", []string{"+a", "+b", "", "-a", "+a"}},
		{"none ever", []string{"", ""}, "", []string{"", ""}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := make(members)
			isUp := func(address string) bool { return strings.Contains(tt.up, address) }
			var got []string
			for _, answer := range tt.answers {
				added, removed := s.update(strings.Fields(answer), 10*time.Second, 30*time.Second, isUp)
				var words []string
				for _, address := range added {
					s[address] = 0
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

// TestMemberIsRemovedAtOnceWithoutKeep: the first answer that lacks it is enough.
func TestMemberIsRemovedAtOnceWithoutKeep(t *testing.T) {
	s := members{"a": 0}
	if _, removed := s.update(nil, 0, 0, func(string) bool { return false }); !cmp.Equal(removed, []string{"a"}) {
		t.Errorf("removed %v, want a", removed)
	}
}

// TestAddressThatWasNotAddedIsReturnedAgain: the limit may not be reached the next time.
func TestAddressThatWasNotAddedIsReturnedAgain(t *testing.T) {
	s := make(members)
	for range 2 {
		if added, _ := s.update([]string{"a"}, 0, 0, nil); !cmp.Equal(added, []string{"a"}) {
			t.Errorf("got %v, want a", added)
		}
	}
}
