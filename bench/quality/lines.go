package quality

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"
	"unicode/utf8"
)

// eachLine calls visit for every line of the file that is not blank, with its number from 1. What visit
// returns is wrapped in the file's name and the line's number.
func eachLine(path string, visit func(number int, line string) error) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open collection: %w", err)
	}
	err = scanLines(file, path, visit)
	return errors.Join(err, file.Close())
}

func scanLines(file *os.File, path string, visit func(number int, line string) error) error {
	scanner := bufio.NewScanner(file)
	scanner.Buffer(make([]byte, 64<<10), maxLineBytes)
	number := 0
	for scanner.Scan() {
		number++
		line := scanner.Text()
		if strings.TrimSpace(line) == "" {
			continue
		}
		if !utf8.ValidString(line) {
			return fmt.Errorf("read %s:%d: %w: not valid UTF-8", path, number, ErrFormat)
		}
		if err := visit(number, line); err != nil {
			return fmt.Errorf("read %s:%d: %w", path, number, err)
		}
	}
	switch err := scanner.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return fmt.Errorf("read %s:%d: %w: the line is longer than %d bytes", path, number+1, ErrFormat, maxLineBytes)
	case err != nil:
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}

// splitTabs splits a line into exactly want columns, the last of which may hold more tabs if loose.
func splitTabs(line string, want int, loose bool) ([]string, error) {
	n := -1
	if loose {
		n = want
	}
	columns := strings.SplitN(line, "\t", n)
	if len(columns) != want {
		return nil, fmt.Errorf("%w: %d columns between tabs, must be %d", ErrFormat, len(columns), want)
	}
	return columns, nil
}
