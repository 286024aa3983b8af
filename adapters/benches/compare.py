"""What somebody would write in an afternoon: an HL7 v2 message by a library as a Bundle of a Patient and an Encounter.

Reads a message from standard input, does it COUNT times, and prints the seconds it took on a core. The libraries:
hl7 and hl7apy of PyPI. No Provenance, no losses, no code maps but three, no time zones, nothing checked.
"""

import json
import sys
import time

GENDER = {"M": "male", "F": "female", "O": "other", "U": "unknown"}
CLASS = {"I": "IMP", "O": "AMB", "E": "EMER"}


def day(text):
    return f"{text[:4]}-{text[4:6]}-{text[6:8]}" if len(text) >= 8 else None


def moment(text):
    return f"{day(text)}T{text[8:10]}:{text[10:12]}:00Z" if len(text) >= 12 else day(text)


def bundle(message, first, every, part):
    """`first` of a segment's field, `every` repetition of it, `part` of a repetition."""
    person = {
        "resourceType": "Patient",
        "id": part(first("PID", 3), 1),
        "identifier": [{"system": part(of, 4), "value": part(of, 1)} for of in every("PID", 3)],
        "name": [{"family": part(of, 1), "given": [part(of, 2), part(of, 3)]} for of in every("PID", 5)],
        "birthDate": day(part(first("PID", 7), 1)),
        "gender": GENDER.get(part(first("PID", 8), 1)),
        "address": [
            {"line": [part(of, 1)], "city": part(of, 3), "postalCode": part(of, 5)} for of in every("PID", 11)
        ],
        "telecom": [{"system": "phone", "value": part(of, 1)} for of in every("PID", 13)],
    }
    stay = {
        "resourceType": "Encounter",
        "id": part(first("PV1", 19), 1),
        "status": "in-progress",
        "class": {"code": CLASS.get(part(first("PV1", 2), 1))},
        "subject": {"reference": "Patient/" + part(first("PID", 3), 1)},
        "period": {"start": moment(part(first("PV1", 44), 1))},
        "location": [{"location": {"display": part(first("PV1", 3), 1)}}],
        "participant": [{"individual": {"display": part(of, 2)}} for of in every("PV1", 7)],
    }
    return {"resourceType": "Bundle", "type": "message", "entry": [{"resource": person}, {"resource": stay}]}


def by_hl7(text):
    import hl7

    message = hl7.parse(text)

    def every(segment, field):
        # A segment ends with its last field that holds something.
        try:
            return list(message.segment(segment)[field])
        except IndexError:
            return []

    def first(segment, field):
        return (every(segment, field) or [""])[0]

    def part(of, number):
        if isinstance(of, str):
            return of if number == 1 else ""
        return str(of[number - 1]) if len(of) >= number else ""

    return bundle(message, first, every, part)


def by_hl7apy(text):
    from hl7apy.consts import VALIDATION_LEVEL
    from hl7apy.parser import parse_message

    message = parse_message(text, validation_level=VALIDATION_LEVEL.TOLERANT, find_groups=False)

    def every(segment, field):
        return list(getattr(getattr(message, segment.lower()), f"{segment.lower()}_{field}"))

    def first(segment, field):
        found = every(segment, field)
        return found[0] if found else None

    def part(of, number):
        if of is None:
            return ""
        # A component is named after its type and number, such as CX_4.
        return next((child.to_er7() for child in of.children if child.name.endswith(f"_{number}")), "")

    return bundle(message, first, every, part)


def main():
    library, count = sys.argv[1], int(sys.argv[2])
    text = sys.stdin.buffer.read().decode().strip("\r\n")
    translate = {"hl7": by_hl7, "hl7apy": by_hl7apy}[library]
    made = json.dumps(translate(text))
    assert '"Patient"' in made and translate(text)["entry"][0]["resource"]["id"], "nothing was read"
    began = time.process_time()
    for _ in range(count):
        json.dumps(translate(text))
    print(time.process_time() - began)


main()
