import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.context.support.IValidationSupport;
import ca.uhn.fhir.validation.FhirValidator;
import ca.uhn.fhir.validation.ResultSeverityEnum;
import ca.uhn.fhir.validation.SingleValidationMessage;
import ca.uhn.fhir.validation.ValidationOptions;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.cfg.JsonNodeFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.hl7.fhir.common.hapi.validation.support.CachingValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.PrePopulatedValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.SnapshotGeneratingValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.UnknownCodeSystemWarningValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;
import org.hl7.fhir.r4.model.Resource;
import org.hl7.fhir.r4.model.StructureDefinition;

/**
 * Validates Bundles by HAPI's validator: {@code Validate BUNDLES COUNTS DETAILS [UK_CORE]}.
 *
 * <p>BUNDLES holds a file for each set, with a Bundle in each line. COUNTS gets {@code set against kind count} lines,
 * DETAILS each error with its place. Only errors count; warnings and hints are the validator's taste.
 */
public final class Validate {
    private static final FhirContext R4 = FhirContext.forR4Cached();
    /** Keeps decimals as they are written. */
    private static final JsonMapper JSON = JsonMapper.builder()
        .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
        .disable(JsonNodeFeature.STRIP_TRAILING_BIGDECIMAL_ZEROES)
        .build();

    /** Elements of other releases in extensions: checking them takes the definitions of those releases. */
    private static final String OTHER_RELEASES = "Extension_EXT_Version_Invalid";

    /** An error: where it stands, what kind it is, and what the validator says. */
    private record Fault(String against, String kind, String place, String text) {}

    private final FhirValidator validator;
    private final Map<String, String> ukCore = new HashMap<>();

    private Validate(Path folder) throws IOException {
        PrePopulatedValidationSupport own = new PrePopulatedValidationSupport(R4);
        if (folder != null) {
            for (String part : List.of("codesystems", "valuesets", "profiles")) {
                try (Stream<Path> files = Files.list(folder.resolve(part))) {
                    for (Path file : files.filter(path -> path.toString().endsWith(".xml")).sorted().toList()) {
                        define(own, (Resource) R4.newXmlParser().parseResource(Files.readString(file)));
                    }
                }
            }
        }
        UnknownCodeSystemWarningValidationSupport unknown = new UnknownCodeSystemWarningValidationSupport(R4);
        unknown.setNonExistentCodeSystemSeverity(IValidationSupport.IssueSeverity.WARNING);
        ValidationSupportChain chain = new ValidationSupportChain(
            new DefaultProfileValidationSupport(R4),
            own,
            new CommonCodeSystemsTerminologyService(R4),
            new InMemoryTerminologyServerValidationSupport(R4),
            new SnapshotGeneratingValidationSupport(R4),
            unknown);
        // One coding of a concept that is in the value set is enough; what else says the same may be of other systems.
        CachingValidationSupport cached = new CachingValidationSupport(chain, true);
        FhirInstanceValidator module = new FhirInstanceValidator(cached);
        module.setAnyExtensionsAllowed(true);
        module.setErrorForUnknownProfiles(false);
        validator = R4.newValidator().registerValidatorModule(module);
    }

    /** Takes a definition; the profile that a type has by itself is the one its resources are held to. */
    private void define(PrePopulatedValidationSupport own, Resource resource) {
        own.addResource(resource);
        if (resource instanceof StructureDefinition profile
            && profile.getUrl().endsWith("/UKCore-" + profile.getType())
            && !profile.getType().equals("Bundle")) {
            ukCore.put(profile.getType(), profile.getUrl());
        }
    }

    private List<Fault> bundle(String json) throws IOException {
        List<Fault> faults = new ArrayList<>();
        Set<String> known = new HashSet<>();
        for (SingleValidationMessage message : errors(json, new ValidationOptions())) {
            known.add(gist(message));
            faults.add(fault("r4", message, ""));
        }
        if (ukCore.isEmpty()) {
            return faults;
        }
        int at = 0;
        for (JsonNode entry : JSON.readTree(json).path("entry")) {
            JsonNode resource = entry.path("resource");
            String profile = ukCore.get(resource.path("resourceType").asText());
            if (profile != null) {
                ValidationOptions options = new ValidationOptions().addProfile(profile);
                for (SingleValidationMessage message : errors(resource.toString(), options)) {
                    if (!known.contains(gist(message))) {
                        faults.add(fault("uk-core", message, "Bundle.entry[" + at + "]."));
                    }
                }
            }
            at++;
        }
        return faults;
    }

    private List<SingleValidationMessage> errors(String json, ValidationOptions options) {
        return validator.validateWithResult(json, options).getMessages().stream()
            .filter(message -> message.getSeverity().ordinal() >= ResultSeverityEnum.ERROR.ordinal())
            .filter(message -> !OTHER_RELEASES.equals(message.getMessageId()))
            .toList();
    }

    /** What is said, less who says it and where. */
    private static String gist(SingleValidationMessage message) {
        return message.getMessage().replaceAll(" \\((from|defined in) [^)]*\\)|; this element is .*", "");
    }

    private static Fault fault(String against, SingleValidationMessage message, String before) {
        String id = message.getMessageId() == null ? "other" : message.getMessageId();
        String kind = id.replaceFirst("^.*/StructureDefinition/", "").replaceAll("\\s+", "-");
        return new Fault(against, kind, before + message.getLocationString(), message.getMessage());
    }

    /** Runs it. */
    public static void main(String[] given) throws Exception {
        Validate validate = new Validate(given.length > 3 ? Path.of(given[3]) : null);
        Map<String, Integer> counts = new TreeMap<>();
        try (PrintWriter details = new PrintWriter(Files.newBufferedWriter(Path.of(given[2])));
            Stream<Path> sets = Files.list(Path.of(given[0]))) {
            for (Path set : sets.filter(path -> path.toString().endsWith(".jsonl")).sorted().toList()) {
                long began = System.nanoTime();
                String name = set.getFileName().toString().replace(".jsonl", "");
                List<String> bundles = Files.readAllLines(set);
                counts.put(name + " bundles", bundles.size());
                int line = 0;
                // One after another: what the validator knows of profiles is shared, and two threads at once make it pass over
                // a fault here and there, the more of them the more there are.
                for (String bundle : bundles) {
                    line++;
                    for (Fault fault : validate.bundle(bundle)) {
                        counts.merge(name + " " + fault.against() + " " + fault.kind(), 1, Integer::sum);
                        details.println(String.join("\t", name + ":" + line, fault.against(), fault.kind(),
                            fault.place(), fault.text().replaceAll("\\s+", " ")));
                    }
                }
                System.out.printf("%-16s %5d Bundles, %d ms%n", name, line, (System.nanoTime() - began) / 1_000_000);
            }
        }
        try (PrintWriter out = new PrintWriter(Files.newBufferedWriter(Path.of(given[1])))) {
            counts.forEach((what, count) -> out.println(what + " " + count));
        }
        // The validator has threads of its own that may outlive the work.
        System.exit(0);
    }
}
