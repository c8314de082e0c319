package growth

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// documents are the documents that quote the report, seen from the root of the repository. There,
// these two lines enclose what Update writes:
//
//	<!-- growth table -->
//	<!-- end -->
var documents = map[string]string{
	"docs/performance.md":      "table",
	"docs/engines/4-select.md": "select",
	"docs/engines/5-poll.md":   "poll",
	"docs/engines/6-epoll.md":  "epoll",
}

var marked = regexp.MustCompile(`(?s)<!-- growth (\S+) -->\n.*?<!-- end -->`)

// expand returns a document with the text of the report between its markers: the block of this
// name, and the picture, which is at this path seen from the document. The document has the markers
// of this block once, and of no other.
func (r Report) expand(text []byte, block, picture string) ([]byte, error) {
	found := marked.FindAllSubmatch(text, -1)
	if len(found) != 1 || string(found[0][1]) != block {
		return nil, fmt.Errorf("got %d blocks, want one of <!-- growth %s --> and <!-- end -->", len(found), block)
	}
	fresh := fmt.Appendf(nil, "<!-- growth %s -->\n![%s](%s)\n\n%s\n[All numbers](%s).\n<!-- end -->", block, alternative, picture,
		blocks[block](r), strings.TrimSuffix(picture, ".svg")+".md")
	return marked.ReplaceAllLiteral(text, fresh), nil
}

// alternative is the text in place of the picture.
const alternative = "Cost of a message against the number of open connections, for each engine"

// Results is the directory of reports that are kept, seen from the root of the repository.
const Results = "lab/compare/results"

// update returns a document as the report of this name in Results makes it.
func (r Report) update(repo, document, name string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(repo, document))
	if err != nil {
		return nil, err
	}
	picture, err := filepath.Rel(filepath.Dir(document), filepath.Join(Results, name+".svg"))
	if err != nil {
		return nil, err
	}
	fresh, err := r.expand(text, documents[document], filepath.ToSlash(picture))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", document, err)
	}
	return fresh, nil
}

// Update writes the documents anew that quote the report of this name in Results. repo is the root
// of the repository.
func (r Report) Update(repo, name string) error {
	for document := range documents {
		fresh, err := r.update(repo, document, name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(repo, document), fresh, 0o644); err != nil {
			return err
		}
	}
	return nil
}
