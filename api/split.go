package api

// SplitArray gives the elements of a JSON array as slices of data. It finds where they end without
// reading them: each is to be parsed after. Its error is a *Problem.
func SplitArray(data []byte) ([][]byte, error) {
	s := &scanner{data: data}
	var elements [][]byte
	err := s.array(func(int) error {
		s.space()
		start := s.pos
		if err := s.skip(); err != nil {
			return err
		}
		elements = append(elements, data[start:s.pos])
		return nil
	})
	if err == nil {
		err = s.end()
	}
	return elements, complete(ProblemDocument, err)
}

// skip passes over a value up to the comma or bracket that ends it, looking only at strings and the
// depth of brackets.
func (s *scanner) skip() error {
	depth := 0
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case '"':
			if _, _, err := s.rawString(); err != nil {
				return err
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return nil
			}
			depth--
		case ',':
			if depth == 0 {
				return nil
			}
		}
		s.pos++
	}
	return s.syntax("the end of an array")
}
