"""The outline of a C++ source as clang-format lays it out: its functions and classes, with their lines.

No parser: it counts braces outside comments and strings, and reads what stands before each opening brace.
"""
import re
from dataclasses import dataclass, field

CONTAINER = re.compile(r"\b(namespace|class|struct|union|extern)\b")


@dataclass
class Function:
    name: str
    line: int
    lines: int


@dataclass
class Class:
    name: str
    line: int
    members: list[str] = field(default_factory=list)
    has_private_state: bool = False
    why: bool = False


def blanked(text: str) -> str:
    """The text with comments, strings and characters made blank, line for line."""
    pattern = re.compile(
        r'R"(?P<mark>[^()\s\\]{0,16})\(.*?\)(?P=mark)"|//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"'
        r"|(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])+'", re.DOTALL)
    text = pattern.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda match: re.sub(r"[^\n]", " ", match[0]), text, flags=re.M)


@dataclass
class Scope:
    kind: str  # "container", "class", "function" or "block"
    line: int
    head: str
    of: Class | None = None
    private: bool = False
    resumed: str = ""


def without_angles(text: str) -> str:
    """Without template arguments, whose parentheses and commas are none of the declaration's own."""
    while True:
        shorter = re.sub(r"<[^<>;]*>", " ", text)
        if shorter == text:
            return text
        text = shorter


def is_data(statement: str) -> bool:
    statement = re.sub(r"\[\[.*?\]\]|\balignas\s*\([^()]*(\([^()]*\)[^()]*)*\)", " ", statement).strip()
    if not statement or re.match(r"(using|typedef|friend|static|template|enum|struct|class|union|constexpr|inline|virtual|"
                                 r"explicit|operator|requires|concept|static_assert|extern)\b|~", statement):
        return bool(re.match(r"(struct|class|union|enum)\s+\w+(::\w+)*\s+\w+\s*(=|$)", statement))
    plain = without_angles(statement).split("=")[0]
    plain = re.sub(r"\(\s*\*\s*\w+\s*\)\s*\(.*\)", " pointer", plain)  # to a function
    declares = re.search(r"[\w>\]*&]\s+[*&]*\w+\s*(\[|:|$|,|\{)", plain)
    return "(" not in plain and "operator" not in plain and declares is not None


ATTRIBUTE = r"\[\[.*?\]\]|\balignas\s*\([^()]*\)"


def kind_of(head: str, outer: Scope | None) -> str:
    plain = re.sub(ATTRIBUTE, " ", without_angles(head))
    if outer is not None and outer.kind in ("function", "block"):
        return "class" if re.search(r"^\s*(struct|class|union)\b[^()=]*$", plain) else "block"
    if re.search(r"\bnamespace\b|\bextern\b\s*$", plain):
        return "container"
    if re.search(r"\benum\b", plain):
        return "block"
    if re.search(r"\b(class|struct|union)\s+(\w+\s+)*[\w:]+[^()]*$", plain) and not plain.rstrip().endswith("="):
        return "class"
    if "(" in plain and not re.search(r"=\s*$|=\s*\w*[\w: ]*$", plain):
        return "function"
    return "block"


def name_of(head: str) -> str:
    name = r"([~\w:]+(?:\s*operator\s*[^\s(]+|\s*operator\s*\(\))?)\s*\(\s*([\w, /:]*)"
    found = re.search(name, without_angles(head))
    if not found:
        return head.strip()[:40]
    return f"{found[1]}({found[2]})" if re.match(r"(TEST|TEST_F|TEST_P|RC_GTEST_PROP)$", found[1]) else found[1]


def outline(text: str) -> tuple[list[Function], list[Class]]:
    functions, classes = [], []
    original = text.splitlines()
    scopes: list[Scope] = []
    line, head, head_line = 1, "", 0
    for char in blanked(text):
        if char == "\n":
            line += 1
        inner = scopes[-1] if scopes else None
        if char == "{":
            initialises = bool(head) and not head[-1].isspace()  # in clang-format's layout a body has a space before it
            kind = "block" if initialises else kind_of(head, inner)
            scope = Scope(kind, head_line or line, head)
            if kind == "class":
                found = re.search(r"\b(class|struct|union)\s+([\w:]+)", re.sub(ATTRIBUTE, " ", head))
                scope.of = Class(found[2] if found else "?", head_line or line)
                scope.private = bool(found) and found[1] == "class"
            elif initialises or (kind == "block" and inner and inner.kind == "class"):
                scope.resumed = head + " "  # an initialiser: what it belongs to goes on behind it
            scopes.append(scope)
            head, head_line = "", 0
        elif char == "}":
            if scopes:
                closed = scopes.pop()
                if closed.kind == "function":
                    functions.append(Function(name_of(closed.head), closed.line, line - closed.line + 1))
                elif closed.kind == "class" and closed.of:
                    closed.of.why = any("// members:" in each for each in original[closed.line - 1:line])
                    classes.append(closed.of)
                head, head_line = closed.resumed, closed.line if closed.resumed else 0
        elif char == ";" or (char == ":" and re.fullmatch(r"\s*(public|private|protected)\s*", head)):
            if inner and inner.kind == "class" and inner.of:
                if char == ":":
                    inner.private = head.strip() != "public"
                elif is_data(head):
                    inner.of.members.append(head.strip())
                    inner.of.has_private_state |= inner.private
            head, head_line = "", 0
        else:
            if not head_line and not char.isspace():
                head_line = line
            head += char
    return functions, classes
