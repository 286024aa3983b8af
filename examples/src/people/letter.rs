//! Ann's discharge letter, as the hospital's integration engine sends it: HL7 v2 MDM^T02.

use jiff::ToSpan;
use jiff::civil::DateTime;

use super::ANN;

/// A sentence of the letter that the council must be able to read.
pub const ANNS_LETTER: &str = "Mrs Archer walks with a frame and needs help to wash and dress.";

/// The message under the control id `control`, written at `now`.
///
/// Next of kin, religion, insurance and a segment of the hospital's own hold canaries: no table maps them to anything
/// the council may see.
#[must_use]
pub fn discharge_message(control: &str, now: DateTime) -> String {
    let stamp = now.strftime("%Y%m%d%H%M%S").to_string();
    let admitted = now.saturating_sub(12.days()).strftime("%Y%m%d%H%M%S").to_string();
    let number = ANN.nhs_number;
    let segments = [
        format!(
            "MSH|^~\\&|EPR|RX1|PORTCULLIS|RX1|{stamp}||MDM^T02^MDM_T02|{control}|P|2.5.1|||||GBR|UNICODE UTF-8"
        ),
        format!("EVN|T02|{stamp}"),
        format!(
            "PID|1||{number}^^^NHS^NH~canary-hospital-number^^^RX1^MR||ARCHER^ANN^LOUISE^^MRS||19410308|F|||\
             Larkspur Cottage^7 Mill Lane^EASTFORD^^ES7 4QQ^GBR^H||01632960145|||M|canary-religion|||||canary-ethnic"
        ),
        "NK1|1|canary-next-of-kin^JO|DAU|canary-address|canary-phone".to_owned(),
        format!(
            "PV1|1|I|canary-ward^^^RX1||||C1234567^OKAFOR^NGOZI^^^DR|||||||||||canary-fund|V-{control}|||||||||||||||||||||||||\
             {admitted}|{stamp}"
        ),
        format!(
            "TXA|1|DS^Discharge summary|TX|{stamp}|C1234567^OKAFOR^NGOZI^^^DR|{stamp}||||||{control}-DOC|||||AU||AV"
        ),
        format!("OBX|1|TX|DS^Discharge summary||Discharge summary for adult social care.||||||F|||{stamp}"),
        format!("OBX|2|TX|DS^Discharge summary||{ANNS_LETTER}||||||F|||{stamp}"),
        "ZNH|1|canary-local-segment|canary-billing".to_owned(),
    ];
    segments.join("\r") + "\r"
}
