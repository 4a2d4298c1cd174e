"""What stands on a terminal's screen after the bytes that a program has written to it."""
import codecs
import re
import unicodedata

# A control sequence with its numbers and its last letter, other escape sequences, or one character.
TOKEN = re.compile(r"\x1b\[([0-9;?]*)[ -/]*([@-~])|\x1b[\]P^_].*?(?:\x07|\x1b\\)|\x1b[ -/]*[0-OQ-Z\\`-~]|([^\x1b])", re.DOTALL)


class Screen:
    """Follows a terminal: moves of the cursor, clearing and text; colours are passed over."""

    def __init__(self, terminal, columns=120, rows=40):
        self.terminal, self.columns, self.rows = terminal, columns, rows
        self.cells = [[" "] * columns for _ in range(rows)]
        self.seen = self.row = self.column = 0
        self.decoder, self.rest = codecs.getincrementaldecoder("utf-8")("replace"), ""

    def text(self):
        """The lines as they are now."""
        new = bytes(self.terminal.bytes[self.seen:])
        self.seen += len(new)
        self.rest += self.decoder.decode(new)
        at = 0
        while token := TOKEN.match(self.rest, at):
            at = token.end()
            if token[2]:
                self.control(token[1], token[2])
            elif token[3]:
                self.put(token[3])
        self.rest = self.rest[at:]  # a sequence that is only begun
        return "\n".join("".join(line).rstrip() for line in self.cells)

    def control(self, numbers, letter):
        values = [int(number) if number.isdigit() else 0 for number in numbers.split(";")]
        if letter in "Hf":
            row, column = (values + [1])[:2]
            self.row, self.column = max(row, 1) - 1, max(column, 1) - 1
        elif letter in "ABCD":
            steps = max(values[0], 1)
            self.row += {"A": -steps, "B": steps}.get(letter, 0)
            self.column += {"C": steps, "D": -steps}.get(letter, 0)
        elif letter == "J" and values[0] in (2, 3):
            self.cells = [[" "] * self.columns for _ in range(self.rows)]
        elif letter == "K":
            self.cells[self.row][self.column:] = [" "] * (self.columns - self.column)
        self.row, self.column = min(max(self.row, 0), self.rows - 1), min(max(self.column, 0), self.columns - 1)

    def put(self, character):
        if character == "\r":
            self.column = 0
        elif character == "\n":
            self.row = min(self.row + 1, self.rows - 1)
        elif character >= " " and not unicodedata.combining(character):
            wide = unicodedata.east_asian_width(character) in "WF"
            for cell in (character, "") if wide else (character,):
                if self.column < self.columns:
                    self.cells[self.row][self.column] = cell
                self.column += 1
