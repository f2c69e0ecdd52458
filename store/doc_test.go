package store_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The package comment has a line for the prefix of every file.
func TestPackageCommentNamesEveryFilePrefix(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	named := make(map[string]bool)
	for _, line := range regexp.MustCompile(`(?m)^//\t(\w+(?:, \w+)*) {2,}\w`).FindAllSubmatch(doc, -1) {
		for prefix := range strings.SplitSeq(string(line[1]), ", ") {
			named[prefix] = true
		}
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(file, ".go")
		if strings.HasSuffix(name, "_test") || name == "doc" {
			continue
		}
		prefix, _, _ := strings.Cut(name, "_")
		if !named[prefix] {
			t.Errorf("the package comment has no line for %s (%s)", prefix, file)
		}
	}
}
