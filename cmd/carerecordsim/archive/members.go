package archive

import (
	"bytes"
	"encoding/json"
	"iter"
)

// Members yields the members of a JSON object in order: the names in their quotes, the values
// raw. The object must be valid and compact, like the Body of every Version.
func Members(object []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		for i := 1; i < len(object) && object[i] != '}'; {
			end := skipString(object, i)
			name, start := object[i:end], end+1 // past the colon
			end = skipValue(object, start)
			if !yield(name, object[start:end]) {
				return
			}
			i = end
			if object[i] == ',' {
				i++
			}
		}
	}
}

// unquote decodes a JSON string.
func unquote(quoted []byte) string {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : len(quoted)-1])
	}
	var s string
	_ = json.Unmarshal(quoted, &s) // the caller's JSON is valid
	return s
}

// skipValue returns the index after the value that begins at i.
func skipValue(b []byte, i int) int {
	depth := 0
	for {
		switch b[i] {
		case '"':
			i = skipString(b, i)
		case '{', '[':
			depth++
			i++
			continue
		case '}', ']':
			depth--
			i++
		default:
			i = skipScalar(b, i)
		}
		if depth == 0 {
			return i
		}
		for b[i] == ',' || b[i] == ':' {
			i++
		}
	}
}

func skipScalar(b []byte, i int) int {
	for i < len(b) && b[i] != ',' && b[i] != '}' && b[i] != ']' {
		i++
	}
	return i
}

func skipString(b []byte, i int) int {
	for i++; ; i++ {
		i += bytes.IndexByte(b[i:], '"')
		backslashes := 0
		for b[i-1-backslashes] == '\\' {
			backslashes++
		}
		if backslashes%2 == 0 {
			return i + 1
		}
	}
}
