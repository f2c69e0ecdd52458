package fhir

import (
	"bytes"
	"errors"
)

// The two ways in which bytes can fail to be JSON. Ending too early is told
// apart, because it is what a connection that broke leaves behind.
var (
	errSyntax = errors.New("not JSON")
	errCutOff = errors.New("ends too early")
)

// skip returns the index just past the JSON value that begins at b[i], and how
// deep it nests. It follows strings and brackets and nothing else: whether the
// value is well formed is found out where it is read, so that a fault in one
// record, or in a part of it that nobody reads, spoils nothing else.
func skip(b []byte, i int) (end, depth int, err error) {
	if i >= len(b) {
		return 0, 0, errCutOff
	}
	switch b[i] {
	case '"':
		end, err = skipString(b, i)
		return end, 0, err
	case '{', '[':
		return skipBrackets(b, i)
	}
	for end = i; end < len(b) && !isDelimiter(b[end]); end++ {
	}
	if end == i {
		return 0, 0, errSyntax
	}
	return end, 0, nil
}

func skipBrackets(b []byte, i int) (end, depth int, err error) {
	for open := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			if i, err = skipString(b, i); err != nil {
				return 0, 0, err
			}
			i--
		case '{', '[':
			open++
			depth = max(depth, open)
		case '}', ']':
			if open--; open == 0 {
				return i + 1, depth, nil
			}
		}
	}
	return 0, 0, errCutOff
}

// skipString returns the index just past the string whose opening quote is
// b[i].
func skipString(b []byte, i int) (int, error) {
	for from := i + 1; ; {
		n := bytes.IndexByte(b[from:], '"')
		if n < 0 {
			return 0, errCutOff
		}
		quote := from + n
		back := quote
		for back > from && b[back-1] == '\\' {
			back--
		}
		if (quote-back)%2 == 0 {
			return quote + 1, nil
		}
		from = quote + 1
	}
}

func isDelimiter(c byte) bool {
	return c == ',' || c == '}' || c == ']' || c == ':' || c == '{' || c == '[' || c == '"' || isSpace(c)
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

func skipSpace(b []byte, i int) int {
	for i < len(b) && isSpace(b[i]) {
		i++
	}
	return i
}

// whole returns nil if b holds one JSON object from its first bracket to its
// last, errCutOff if that does not come, and errSyntax if b is something else.
func whole(b []byte) error {
	i := skipSpace(b, 0)
	if i == len(b) {
		return errCutOff
	}
	if b[i] != '{' {
		return errSyntax
	}
	end, _, err := skipBrackets(b, i)
	if err == nil && skipSpace(b, end) != len(b) {
		err = errSyntax
	}
	return err
}

// A span is a part of a larger run of bytes.
type span struct{ start, end int32 }

func (s span) of(b []byte) []byte { return b[s.start:s.end] }

// members calls yield for every member of the JSON object that b is, in order,
// with its name (as written, without quotes), its value and how deep that
// nests. It stops at the first error, and that is what it returns.
func members(b []byte, yield func(name, value span, depth int) error) error {
	end, err := membersAt(b, skipSpace(b, 0), func(name span, i int) (int, error) {
		end, depth, err := skip(b, i)
		if err != nil {
			return 0, err
		}
		return end, yield(name, span{int32(i), int32(end)}, depth)
	})
	if err == nil && skipSpace(b, end) != len(b) {
		err = errSyntax
	}
	return err
}

// membersAt follows the members of the JSON object that begins at b[i], and returns
// the index just past it. Read is called with the name of each and where its value
// begins, and returns the index just past that.
func membersAt(b []byte, i int, read func(name span, i int) (int, error)) (int, error) {
	return walk(b, i, '{', '}', func(i int) (int, error) {
		if b[i] != '"' {
			return 0, errSyntax
		}
		end, err := skipString(b, i)
		if err != nil {
			return 0, err
		}
		name := span{int32(i + 1), int32(end - 1)}
		i = skipSpace(b, end)
		if i == len(b) {
			return 0, errCutOff
		}
		if b[i] != ':' {
			return 0, errSyntax
		}
		return read(name, skipSpace(b, i+1))
	})
}

// walk follows the commas of the object or array that begins at b[i], and returns
// the index just past it. Each reads what begins at i and returns the index just
// past that.
func walk(b []byte, i int, opens, closes byte, each func(i int) (int, error)) (int, error) {
	if i == len(b) {
		return 0, errCutOff
	}
	if b[i] != opens {
		return 0, errSyntax
	}
	i = skipSpace(b, i+1)
	for first := true; ; first = false {
		if i == len(b) {
			return 0, errCutOff
		}
		if b[i] == closes && first {
			return i + 1, nil
		}
		end, err := each(i)
		if err != nil {
			return 0, err
		}
		if i = skipSpace(b, end); i == len(b) {
			return 0, errCutOff
		}
		if b[i] == closes {
			return i + 1, nil
		}
		if b[i] != ',' {
			return 0, errSyntax
		}
		i = skipSpace(b, i+1)
	}
}
